"""A GitHub that never comes to an end holds a thread of delivery for a bounded time, and then none."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from factory.delivery_ports import PullRequestStore
from factory.domain.forge import GitHub
from factory.errors import ForgeUnavailable
from factory.integrations import github_caller, github_line
from factory.integrations.github_pulls import GitHubPullRequests
from factory.integrations.github_token import FixedToken
from tests.fakes.clock import ManualClock
from tests.waiting import eventually

_BOUND = 60.0
"""Seconds after which a call that never ends has failed its test; each of them drips for ever."""
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Dripping:
    """Sends `beginning`, and then a piece again and again for as long as anyone listens."""

    def __init__(self, beginning: bytes, piece: bytes, pause: float, secure: ssl.SSLContext | None = None) -> None:
        self._beginning, self._piece, self._pause, self._secure = beginning, piece, pause, secure
        self._server = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self.calls = 0
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http{'s' if self._secure else ''}://127.0.0.1:{self._server.getsockname()[1]}"

    def close(self) -> None:
        self._over.set()
        self._server.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                line, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._drip, args=(line,), daemon=True).start()

    def _drip(self, line: socket.socket) -> None:
        self.calls += 1
        try:
            with self._secure.wrap_socket(line, server_side=True) if self._secure else line as there:
                there.recv(65536)
                there.sendall(self._beginning)
                while not self._over.wait(self._pause):
                    there.sendall(self._piece)
        except OSError:
            return  # nobody listens any more


class Holds:
    """Of the store only what keeps calls back; nothing else is asked of it where nothing is ever answered."""

    def __init__(self) -> None:
        self.held: list[float] = []

    def hold(self, forge: str, seconds: float) -> None:
        assert forge
        self.held.append(seconds)

    def held_for(self, forge: str) -> float:
        assert forge
        return 0.0


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(github_caller, "JOB_SECONDS", 1.0)


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine with its key, good for some hours around."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    noon = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(noon - timedelta(hours=12)).not_valid_after(noon + timedelta(hours=12))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = tmp_path_factory.mktemp("certified") / "both.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return file


@pytest.fixture(params=["http", "https"])
def secure(request: pytest.FixtureRequest, certified: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext | None:
    if request.param == "http":
        return None
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certified))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certified)
    return context


def pulls_of(server: Dripping, store: Holds, clock: ManualClock) -> GitHubPullRequests:
    return GitHubPullRequests(GitHub(server.address, server.address), FixedToken("t"), cast("PullRequestStore", store), clock)


def failure_of(pulls: GitHubPullRequests, server: Dripping) -> ForgeUnavailable:
    """What a thread of delivery is told, which has to come free by itself."""
    told: list[ForgeUnavailable] = []

    def ask() -> None:
        try:
            pulls.find(f"{server.address}/acme/widgets.git", "factory/0000000001")
        except ForgeUnavailable as error:
            told.append(error)

    threading.Thread(target=ask, daemon=True).start()
    eventually(lambda: told, _BOUND, "the thread is free again")
    return told[0]


DRIPS = {
    "status": (b"", b"H"),
    "headers": (_HEAD, b"X-More: 1\r\n"),
    "one header": (_HEAD + b"X-More: ", b"1"),
    "body": (_HEAD + b"Content-Length: 1000000\r\n\r\n", b" "),
    "body without a length": (_HEAD + b"\r\n", b" "),
    "refusal": (_HEAD.replace(b"200 OK", b"422 Unprocessable") + b"Content-Length: 1000000\r\n\r\n", b" "),
    "chunks": (_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
}


@pytest.mark.parametrize("drip", DRIPS)
def test_an_answer_that_comes_byte_by_byte_is_given_up_and_nobody_else_waits_for_it(drip: str, secure: ssl.SSLContext | None) -> None:
    server, store, clock = Dripping(*DRIPS[drip], pause=0.05, secure=secure), Holds(), ManualClock()
    pulls = pulls_of(server, store, clock)
    try:
        error = failure_of(pulls, server)

        assert str(error) == "GitHub did not come to an end for acme/widgets within 1 s."
        assert (error.retry_after, store.held, server.calls) == (1.0, [1.0], 1)
        assert "no call for another 1 s" in str(failure_of(pulls, server))
        assert server.calls == 1
    finally:
        server.close()


def test_an_answer_without_end_is_not_kept(secure: ssl.SSLContext | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(github_caller, "JOB_SECONDS", _BOUND)
    monkeypatch.setattr(github_line, "MAX_BYTES", 1024**2)
    server = Dripping(_HEAD + b"\r\n", b" " * 65536, pause=0.0, secure=secure)
    try:
        assert "GitHub does not answer for acme/widgets (TooLong)" in str(failure_of(pulls_of(server, Holds(), ManualClock()), server))
    finally:
        server.close()


def test_a_server_that_is_never_ready_is_given_up() -> None:
    accepted = _HEAD.replace(b"200 OK", b"202 Accepted") + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"
    server = Dripping(accepted, b"", pause=0.05)
    try:
        assert "did not come to an end" in str(failure_of(pulls_of(server, Holds(), ManualClock()), server))
    finally:
        server.close()

"""Hosts of the list through the way out: who is let where, to which address, how much, and who is told of what was not."""

import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from factory.domain.way_out import greeting, secret_for
from factory.integrations import egress_server
from tests.integration.way_out_site import (
    KEY,
    OTHER,
    SECONDS,
    WORKER,
    Request,
    Site,
    Upstream,
    answering,
    resolving,
    upstream,
    way_out,
)  # fmt: skip
from tests.waiting import eventually

LOOPBACK = ("127.0.0.1/32",)


def echo(request: Request, taken: socket.socket) -> None:
    """Behind the head of a request everything comes back, until the other end has sent all."""
    taken.sendall(request.body)
    while piece := taken.recv(65_536):
        taken.sendall(piece)
    taken.sendall(b"over")


@contextmanager
def tunnelled() -> Iterator[tuple[Upstream, Site]]:
    """A server that may be reached by a tunnel, as `packages.example` at its port."""
    known = resolving(packages_example=["127.0.0.1"])
    with upstream(echo) as server, way_out(allow=[f"packages.example:{server.port}"], private=LOOPBACK, resolve=known) as site:
        yield server, site


def read_all(connection: socket.socket) -> bytes:
    data = b""
    while piece := connection.recv(65_536):
        data += piece
    return data


# -- tunnels ----------------------------------------------------------------------------------------------------------


def test_a_tunnel_carries_bytes_both_ways_to_the_end() -> None:
    with tunnelled() as (server, site):
        status, connection = site.connect(f"packages.example:{server.port}")
        with closing(connection):
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            connection.sendall(b"payload" * 50_000)
            connection.shutdown(socket.SHUT_WR)

            assert status == 200
            assert read_all(connection) == b"payload" * 50_000 + b"over"


@pytest.mark.parametrize("kilobytes", range(64, 3_000, 208))
def test_what_is_on_its_way_when_both_ends_are_through_still_arrives(kilobytes: int) -> None:
    sent = threading.Event()

    def pour(_: Request, taken: socket.socket) -> None:
        # All of it is somewhere on the way before anybody reads: the sizes end in each of the buffers that are there.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_000_000)
        taken.sendall(b"x" * kilobytes * 1024)
        taken.shutdown(socket.SHUT_WR)
        sent.set()

    known = resolving(packages_example=["127.0.0.1"])
    with upstream(pour) as server, way_out(allow=[f"packages.example:{server.port}"], private=LOOPBACK, resolve=known) as site:
        _, connection = site.connect(f"packages.example:{server.port}")
        with closing(connection):
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            assert sent.wait(SECONDS)

            assert len(read_all(connection)) == kilobytes * 1024


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("evil.example:443", 403), ("allowed.example:444", 403), ("allowed.example:80", 403), ("169.254.169.254:80", 403),
        ("127.0.0.1:5432", 403),
        ("localhost:443", 403), ("[::1]:443", 403), ("sub.allowed.example:443", 403), ("allowed.example", 400), ("2130706433:443", 403),
    ],
)  # fmt: skip
def test_no_tunnel_goes_elsewhere_and_each_host_is_told_of_once_s9_s10(target: str, status: int) -> None:
    """S9: foreign hosts. S10: each blocked host is told of."""
    with way_out(allow=["allowed.example"]) as site:
        for _ in range(2):
            assert site.status(target) == status
        if status == 403:
            host = target.removesuffix(":443")
            assert site.outlay(lambda outlay: bool(outlay.blocked)).blocked in {(host,), (host.strip("[]"),)}


@pytest.mark.parametrize("address", ["169.254.169.254", "127.0.0.1", "10.0.0.1", "::ffff:127.0.0.1", "fd00:ec2::254"])
def test_an_allowed_name_that_leads_to_the_machine_or_to_metadata_is_blocked_s4_s9(address: str) -> None:
    """S4. S9: metadata and private addresses."""
    with (
        upstream(echo) as server,
        way_out(allow=[f"sly.example:{server.port}"], resolve=resolving(sly_example=["1.1.1.1", address])) as site,
    ):
        status, connection = site.connect(f"sly.example:{server.port}")
        connection.close()

        assert status == 403
        assert site.outlay(lambda outlay: bool(outlay.blocked)).blocked == ("sly.example",)
        assert server.requests == []


@pytest.mark.parametrize("how", ["tunnel", "request"])
def test_what_is_connected_to_is_what_was_looked_at_s9(how: str) -> None:
    """S9: a name that answers anew."""
    answers = iter([["127.0.0.2"], ["127.0.0.1"], ["127.0.0.1"]])

    async def rebinding(_host: str, _port: int) -> Sequence[str]:
        return next(answers)

    with upstream(echo) as server:
        allow = [f"rebinding.example:{server.port}", f"http://rebinding.example:{server.port}"]
        with way_out(allow=allow, private=["127.0.0.2/32"], resolve=rebinding) as site:
            if how == "tunnel":
                status, connection = site.connect(f"rebinding.example:{server.port}")
                connection.close()
            else:
                status = site.ask("GET", f"http://rebinding.example:{server.port}/").status

            # Nobody listens at 127.0.0.2 on that port; the server at 127.0.0.1 is not asked.
            assert (status, server.requests) == (502, [])


# -- plain requests ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/index/x", 200), ("HEAD", "/index/x", 200), ("POST", "/index/x", 403), ("PUT", "/index/x", 403), ("GET", "/upload", 403),
     ("GET", "/index/../upload", 403), ("POST", "/search?q=a", 200)],
)  # fmt: skip
def test_requests_are_ruled_by_method_and_path_s10(method: str, path: str, status: int) -> None:
    """S10: method and path."""
    with upstream(answering("200 OK", b"a page")) as server:
        at = f"index.example:{server.port}"
        rules = [f"http://{at}/index", f"POST http://{at}/search"]
        with way_out(allow=rules, private=LOOPBACK, resolve=resolving(index_example=["127.0.0.1"])) as site:
            answer = site.ask(method, f"http://{at}{path}", b"x" if method in {"POST", "PUT"} else None, proxy_authorization="Basic x")

            assert answer.status == status
            assert [request.line for request in server.requests] == ([f"{method} {path} HTTP/1.1"] if status == 200 else [])
            if status == 200:
                assert server.requests[0].headers["host"] == at
                assert "proxy-authorization" not in server.requests[0].headers
                assert answer.body == (b"" if method == "HEAD" else b"a page")


@pytest.mark.parametrize("target", ["http://[::1", "http://", "http://:80/", "http://user@index.example/", "http://a\\b/", "http://h:0/"])
def test_what_names_no_host_is_refused_in_words(target: str) -> None:
    with way_out(allow=["http://index.example"]) as site, socket.create_connection(("127.0.0.1", site.port), SECONDS) as asking:
        asking.sendall(f"GET {target} HTTP/1.1\r\nhost: x\r\n\r\n".encode())

        assert asking.recv(4_096).startswith(b"HTTP/1.1 400")


def test_an_allowed_name_is_no_way_to_metadata_by_plain_http_s4() -> None:
    """S4."""
    rules, known = ["http://sly.example", "http://169.254.169.254"], resolving(sly_example=["169.254.169.254"])
    with way_out(allow=rules, private=["169.254.0.0/16"], resolve=known) as site:
        assert site.ask("GET", "http://sly.example/latest/meta-data/").status == 403
        assert site.ask("GET", "http://169.254.169.254/latest/meta-data/").status == 403
        assert site.outlay(lambda outlay: len(outlay.blocked) == 2).blocked == ("sly.example", "169.254.169.254")


def test_where_tls_begins_outside_the_certificate_is_that_of_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, context = certificates(tmp_path, "index.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))

    def secured(_: Request, taken: socket.socket) -> None:
        raise AssertionError("the first bytes are TLS's own")

    with upstream(secured) as server:
        server._act, plain = answering("200 OK", b"secret page"), server._one

        def one(taken: socket.socket) -> None:
            try:
                plain(context.wrap_socket(taken, server_side=True))
            except ssl.SSLError:
                taken.close()

        server._one = one  # type: ignore[method-assign]
        rules = [f"https://index.example:{server.port}", f"https://other.example:{server.port}"]
        both = resolving(index_example=["127.0.0.1"], other_example=["127.0.0.1"])
        with way_out(allow=rules, private=LOOPBACK, resolve=both) as site:
            assert site.ask("GET", "http://index.example/x").body == b"secret page"
            assert site.ask("POST", "http://index.example/x", b"up").status == 403
            assert site.ask("GET", "http://other.example/x").status == 502
            assert [request.line for request in server.requests] == ["GET /x HTTP/1.1"]


def certificates(folder: Path, host: str) -> tuple[Path, ssl.SSLContext]:
    """An authority's file, and a server's context with a certificate of it."""
    now, key = datetime.now(UTC), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    names = x509.SubjectAlternativeName([x509.DNSName(host), x509.IPAddress(ip_address("192.0.2.1"))])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1)).add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    file, keys = folder / "authority.pem", folder / "key.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    keys.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, keys)
    return file, context


# -- bounds -----------------------------------------------------------------------------------------------------------


def test_what_a_worker_sends_to_hosts_of_the_list_is_bounded_in_all_s10(monkeypatch: pytest.MonkeyPatch) -> None:
    """S10: a cap on what is sent."""
    monkeypatch.setattr("factory.integrations.egress_accounts.MAX_UP", 100_000)
    with tunnelled() as (server, site):
        came = []
        for _ in range(3):
            _, connection = site.connect(f"packages.example:{server.port}")
            with closing(connection):
                connection.sendall(b"GET / HTTP/1.1\r\n\r\n" + b"x" * 60_000)
                connection.shutdown(socket.SHUT_WR)
                try:
                    came.append(len(read_all(connection)))
                except ConnectionError:
                    came.append(0)

        assert came[0] == 60_004
        assert max(came[1:]) < 60_000


def test_connections_of_one_worker_are_bounded_and_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("factory.integrations.egress_accounts.MAX_CONNECTIONS", 3)
    with tunnelled() as (server, site):
        site.grant(OTHER)
        other = site.forwarder_of(OTHER)
        open_ones = [site.connect(f"packages.example:{server.port}") for _ in range(3)]

        assert [status for status, _ in open_ones] == [200, 200, 200]
        assert site.status(f"packages.example:{server.port}") == 0
        port = int(other.environment["HTTP_PROXY"].rpartition(":")[2])
        status, connection = site.connect(f"packages.example:{server.port}", port)
        assert status == 200
        for _, each in (*open_ones, (0, connection)):
            each.close()
        other.close()


def test_a_flood_of_requests_is_slowed_and_not_carried_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("factory.integrations.egress_accounts._BURST", 5.0)
    monkeypatch.setattr("factory.integrations.egress_accounts._RATE", 0.0)
    with way_out(start=False) as site:
        site.server.start()
        site.grant()

        statuses = [site.ask("GET", "/nothing").status for _ in range(8)]

        assert statuses == [404] * 5 + [429] * 3


def test_strangers_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress_server, "MAX_STRANGERS", 8)
    with way_out() as site:
        strangers = [socket.socket(socket.AF_UNIX) for _ in range(40)]
        for stranger in strangers:
            stranger.connect(str(site.folder / "egress.sock"))

        assert site.ask("GET", "/nothing").status == 404
        for stranger in strangers:
            stranger.close()


# -- who it is --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        greeting(WORKER, "0" * 64), greeting(OTHER, secret_for(KEY, WORKER)), b"GET / HTTP/1.1\r\n\r\n", b"\0" * 300 + b"\n",
        b"x" * 100_000,
    ],
)  # fmt: skip
def test_without_the_secret_of_a_living_attempt_there_is_no_way_out(line: bytes) -> None:
    with way_out() as site, socket.socket(socket.AF_UNIX) as stranger:
        stranger.settimeout(SECONDS)
        stranger.connect(str(site.folder / "egress.sock"))
        try:
            stranger.sendall(line + b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n")
            answer = read_all(stranger)
        except ConnectionError:
            answer = b""
        assert answer == b""


def test_after_the_lease_a_secret_is_worth_nothing_and_what_was_under_way_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress_server, "VOUCH_SECONDS", 0.2)
    with tunnelled() as (server, site):
        status, connection = site.connect(f"packages.example:{server.port}")
        assert status == 200

        site.server.revoke(WORKER)

        with closing(connection), suppress(ConnectionError):
            assert read_all(connection) == b""
        assert site.status(f"packages.example:{server.port}") == 0


def test_a_word_that_is_not_repeated_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress_server, "VOUCH_SECONDS", 0.1)
    monkeypatch.setattr(egress_server, "SWEEP_SECONDS", 0.05)
    with way_out() as site:
        assert site.status("x:1") == 403

        site.grant(seconds=0.0)

        eventually(lambda: site.status("x:1") == 0, SECONDS, "nobody is let out")


def test_a_worker_waits_for_a_server_that_starts_anew_and_for_whoever_vouches() -> None:
    with way_out(start=False) as site:
        statuses: list[int] = []
        caller = threading.Thread(target=lambda: statuses.append(site.ask("GET", "/nothing").status))
        caller.start()

        site.server.start()
        site.grant()
        caller.join(SECONDS)

        assert statuses == [404]


def test_bytes_that_are_no_http_end_their_connection_alone() -> None:
    with way_out() as site, socket.create_connection(("127.0.0.1", site.port), SECONDS) as broken:
        broken.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n")

        assert broken.recv(4_096).startswith(b"HTTP/1.1 400")
        assert site.ask("GET", "/nothing").status == 404


def test_a_body_hidden_behind_another_is_no_second_request() -> None:
    """Both lengths at once are refused, so that nobody outside can read another request in it."""
    with upstream(answering("200 OK", b"")) as server:
        at, known = f"h.example:{server.port}", resolving(h_example=["127.0.0.1"])
        with way_out(allow=[f"POST http://{at}"], private=LOOPBACK, resolve=known) as site:
            with socket.create_connection(("127.0.0.1", site.port), SECONDS) as sly:
                lengths = "content-length: 5\r\ncontent-length: 6\r\n"
                sly.sendall(f"POST http://{at}/ HTTP/1.1\r\nhost: h\r\n{lengths}\r\nabcdeGET ".encode())
                assert sly.recv(4_096).startswith(b"HTTP/1.1 400")
            assert server.requests == []

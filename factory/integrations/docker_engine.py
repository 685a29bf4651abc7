"""The Docker engine of this machine: the calls that a host of workers makes, with the errors of the SDK turned into the project's own.

Only the low-level client is used: the other one pulls an image that is missing, and asks about each container that it lists.
"""

import errno
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import docker
import requests
import urllib3
from docker.errors import APIError, DockerException, NotFound

from factory.domain.clean import clean_line
from factory.errors import HostAway, HostUnavailable

QUICK_SECONDS = 5.0
"""For questions: the engine answers in milliseconds, or it hangs."""
SLOW_SECONDS = 20.0
"""For making, starting and removing a container on a busy machine."""
_BUILD_SECONDS = 1800
_CONFLICT, _NOT_MODIFIED = 409, 304
_UNIX = "unix://"
_ATTACH = (
    b"POST /containers/%s/attach?stdin=1&stream=1 HTTP/1.1\r\nHost: docker\r\n"
    b"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
)
_END_OF_HEAD = b"\r\n\r\n"
_SENTENCE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the engine: `id` does not change, whatever its name is given to.

    `digests` are the names, with their digests, under which registries have it; of one that was never in any there are none.
    """

    id: str
    labels: Mapping[str, str]
    digests: tuple[str, ...] = ()


class Taken(Exception):
    """A container of that name exists."""


class Engine:
    """One engine. Connects at first use; every call raises `HostUnavailable` where the engine does not answer or refuses.

    Args:
        address: `unix://PATH`; empty for the usual places.
    """

    def __init__(self, address: str = "") -> None:
        self.address = address or usual_address()
        self._clients: dict[float, docker.APIClient] = {}

    # -- containers ---------------------------------------------------------------------------------------------------

    def create(self, name: str, request: dict[str, Any]) -> str:
        """Makes a container and returns its id. Raises `Taken`."""
        with self._asked("a container cannot be made", SLOW_SECONDS) as client:
            try:
                return str(client.create_container_from_config(request, name)["Id"])
            except APIError as error:
                if error.status_code == _CONFLICT:
                    raise Taken(name) from error
                raise

    def start(self, container: str, inputs: bytes) -> None:
        """Starts it and hands it its inputs. One that runs is left as it is."""
        # Attached before it runs: what is sent to a container that has ended already is an error and not lost in silence.
        with self._asked("a container cannot be started", SLOW_SECONDS) as client, self._attached(container) as standard_input:
            client.start(container)
            standard_input.sendall(inputs)

    def look(self, container: str) -> dict[str, Any] | None:
        """What the engine knows of it; None where it is not there."""
        with self._asked("a container cannot be looked at") as client:
            try:
                return cast("dict[str, Any]", client.inspect_container(container))
            except NotFound:
                return None

    def stats(self, container: str) -> dict[str, Any] | None:
        """What it uses, as counted at this moment; None where it is not there."""
        with self._asked("a container's use cannot be read") as client:
            try:
                # Otherwise the engine counts twice, a second apart, before it answers.
                return cast("dict[str, Any]", client.stats(container, stream=False, one_shot=True))
            except (NotFound, requests.exceptions.JSONDecodeError):
                # Of one that ends while it is asked the answer is empty.
                return None

    def list(self, label: str) -> Sequence[Mapping[str, Any]]:
        """All containers with this label (`name=value`), with `Names`, `Labels` and `State`."""
        with self._asked("the containers cannot be listed") as client:
            return cast("Sequence[Mapping[str, Any]]", client.containers(all=True, filters={"label": label}))

    def signal(self, container: str, name: str) -> None:
        """One that has ended or is gone needs none."""
        with self._asked("a container cannot be ended", SLOW_SECONDS) as client:
            try:
                client.kill(container, name)
            except APIError as error:
                if not isinstance(error, NotFound) and error.status_code != _CONFLICT:
                    raise

    def remove(self, container: str) -> None:
        """With the volume that it has of its own. One that is gone, or that somebody removes at this moment, is no error."""
        with self._asked("a container cannot be removed", SLOW_SECONDS) as client:
            try:
                client.remove_container(container, v=True, force=True)
            except APIError as error:
                if not isinstance(error, NotFound) and error.status_code != _CONFLICT:
                    raise

    def log(self, container: str, lines: int) -> bytes:
        """The last lines that it printed, on both streams. Untrusted text."""
        with self._asked("a container's output cannot be read") as client:
            try:
                return bytes(client.logs(container, tail=lines))
            except NotFound:
                return b""

    @contextmanager
    def archive(self, container: str, path: str) -> Iterator[IO[bytes] | None]:
        """What lies at a path of it, as a stream of tar, read as far as one reads; None where nothing does."""
        with self._asked("a worker's file cannot be read", SLOW_SECONDS) as client:
            # The SDK's own reads the answer in pieces that it has to be told the size of, and leaves the connection open.
            url, plain = client._url("/containers/{0}/archive", container), {"Accept-Encoding": "identity"}  # noqa: SLF001
            answer = client._get(url, params={"path": path}, headers=plain, stream=True)  # noqa: SLF001
            with closing(answer):
                if answer.status_code == requests.codes.not_found:
                    yield None
                    return
                client._raise_for_status(answer)  # noqa: SLF001
                yield answer.raw

    @contextmanager
    def _attached(self, container: str) -> Iterator[socket.socket]:
        """A container's standard input. The SDK has a call for it, whose connection cannot be closed for certain."""
        with closing(self._connection(SLOW_SECONDS)) as connection:
            connection.sendall(_ATTACH % container.encode())
            head = b""
            while not head.endswith(_END_OF_HEAD) and (piece := connection.recv(1)):
                head += piece
            if not head.startswith((b"HTTP/1.1 101", b"HTTP/1.1 200")):
                raise OSError(f"it does not attach: {head.decode(errors='replace')[:_SENTENCE_CHARACTERS]}")
            yield connection

    # -- the engine itself --------------------------------------------------------------------------------------------

    def image(self, name: str) -> Image | None:
        with self._asked("the images cannot be looked at") as client:
            try:
                found = client.inspect_image(name)
            except NotFound:
                return None
            return Image(str(found["Id"]), found["Config"].get("Labels") or {}, tuple(sorted(found.get("RepoDigests") or ())))

    def about(self) -> Mapping[str, Any]:
        """Version, cgroups and the like, as `docker info` tells them."""
        with self._asked("the engine tells nothing of itself") as client:
            return cast("Mapping[str, Any]", client.info())

    def build(self, context: IO[bytes], tag: str, options: Mapping[str, Any]) -> Iterator[str]:
        """Builds an image of a tar and yields what the engine says meanwhile. Raises `HostUnavailable` with the step that failed."""
        last = ""
        with self._asked("the image cannot be built", _BUILD_SECONDS) as client:
            for said in client.build(fileobj=context, custom_context=True, tag=tag, rm=True, forcerm=True, decode=True, **options):
                if "error" in said:
                    # The engine names the whole step that failed; what went wrong in it, the step itself said last.
                    code = said.get("errorDetail", {}).get("code", 0)
                    raise HostUnavailable(f"The image cannot be built: {_line(last) or _line(said['error'])} (status {code}).")
                last = str(said.get("stream", "")) if str(said.get("stream", "")).strip() else last
                yield last

    # -- the connection -----------------------------------------------------------------------------------------------

    @contextmanager
    def _asked(self, what: str, seconds: float = QUICK_SECONDS) -> Iterator[Any]:
        try:
            yield self._client(seconds)
        except (DockerException, requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            if isinstance(error, APIError):
                raise HostUnavailable(f"Docker: {what}: {_sentence(error)}") from error
            self.close()
            # One that hangs may be busy with what it was asked for, and one that is still there has refused it in its own way.
            kind = HostUnavailable if _is_slow(error) or self._listens() else HostAway
            raise kind(f"The Docker engine at {self.address} does not answer: {_mend(error)}") from error

    def close(self) -> None:
        """Ends its connections; the next call makes new ones."""
        while self._clients:
            self._clients.popitem()[1].close()

    def _client(self, seconds: float) -> Any:  # noqa: ANN401 - half of the SDK has no types
        if not self.address.startswith(_UNIX):
            raise HostUnavailable(
                f"The Docker engine at {self.address} may be on another machine, where nothing of this one can be mounted: "
                "set docker_host to a unix:// socket of this machine."
            )
        # Asked each time, at the cost of 50 µs: the SDK leaves a socket open for each try that fails.
        self._connection(QUICK_SECONDS).close()
        # Looked up once: another thread may end all connections at any moment.
        client = self._clients.get(seconds)
        if client is None:
            # The version is asked for, so an engine that does not answer is noticed here.
            client = self._clients[seconds] = docker.APIClient(base_url=self.address, version="auto", timeout=cast("int", seconds))
        return client

    def _listens(self) -> bool:
        try:
            self._connection(QUICK_SECONDS).close()
        except OSError:
            return False
        return True

    def _connection(self, seconds: float) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(seconds)
            connection.connect(self.address.removeprefix(_UNIX))
        except OSError:
            connection.close()
            raise
        return connection


def usual_address() -> str:
    """Docker's own socket, else that of an engine that this user runs without root."""
    places = (Path("/var/run/docker.sock"), Path(f"/run/user/{os.geteuid()}/docker.sock"), Path.home() / ".docker/run/docker.sock")
    return _UNIX + str(next((place for place in places if place.exists()), places[0]))


def _is_slow(error: Exception) -> bool:
    return isinstance(error, TimeoutError | requests.Timeout | urllib3.exceptions.TimeoutError) or "timed out" in str(error)


def _mend(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "this user may not speak with it; add it to the group docker, and log in again."
    if isinstance(error, OSError) and error.errno in {errno.ENOENT, errno.ECONNREFUSED}:
        return "nothing listens there; start it (systemctl start docker), or set docker_host to where it listens."
    return f"start it anew (systemctl restart docker); it said: {_sentence(error)}"


def _sentence(error: Exception) -> str:
    return f"{_line(str(getattr(error, 'explanation', None) or error))}."


def _line(text: str) -> str:
    return clean_line(text)[:_SENTENCE_CHARACTERS].rstrip(".")

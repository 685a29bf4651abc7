"""An operator's key file, and the way to a factory elsewhere that it opens."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import msgspec
import zmq

from factory.errors import InvalidInput
from factory.transport import sockets
from factory.transport.curve import KeyPair

_ENDPOINT = re.compile(r"tcp://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_HIGHEST_PORT = 65_535
_HEARTBEAT_MS = 5_000
_SILENCE_MS = 15_000


class _KeyFile(msgspec.Struct, frozen=True):
    """What is written. All keys in Z85."""

    name: str
    server_key: str
    public: str
    secret: str


@dataclass(frozen=True, slots=True)
class Remote:
    """A factory that is reached over TCP: its address and public key, and the operator's own pair."""

    endpoint: str
    server_key: str
    keys: KeyPair
    name: str

    @classmethod
    def read(cls, endpoint: str, file: Path) -> "Remote":
        """Raises `InvalidInput` where the address or the file is none."""
        address(endpoint)
        try:
            told = msgspec.json.decode(file.read_bytes(), type=_KeyFile)
            keys = KeyPair.parse(f"{told.public}\n{told.secret}\n".encode())
        except OSError as error:
            raise InvalidInput(f"The key file {file} cannot be read: {error.strerror or error}.") from error
        except (msgspec.DecodeError, UnicodeDecodeError, InvalidInput):
            # The cause would quote the content.
            raise InvalidInput(f"{file} is no operator's key file; `factory operator add NAME` writes one.") from None
        return cls(endpoint, told.server_key, keys, told.name)

    def secure(self, socket: sockets.Socket) -> None:
        """Gives a socket the keys."""
        socket.curve_serverkey = self.server_key.encode()
        socket.curve_publickey, socket.curve_secretkey = self.keys.public.encode(), self.keys.secret.encode()
        # A connection that a router has forgotten would else be silent for ever.
        socket.setsockopt(zmq.HEARTBEAT_IVL, _HEARTBEAT_MS)
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, _SILENCE_MS)


def address(endpoint: str) -> tuple[str, int]:
    """Host and port of `tcp://HOST:PORT`. Raises `InvalidInput`."""
    found = _ENDPOINT.fullmatch(endpoint)
    if found is None or not 0 < int(found[2]) <= _HIGHEST_PORT:
        raise InvalidInput(f"{endpoint[:200]!r} is no address of a factory: write tcp://HOST:PORT, as in tcp://192.0.2.7:7710.")
    return found[1].strip("[]"), int(found[2])


def write_key_file(file: Path, name: str, server_key: str, keys: KeyPair) -> None:
    """A new file readable by this user only. Raises `InvalidInput` rather than replace one."""
    content = msgspec.json.format(msgspec.json.encode(_KeyFile(name, server_key, keys.public, keys.secret)), indent=1)
    try:
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content + b"\n")
    except FileExistsError:
        raise InvalidInput(f"{file} exists already: remove it, or name another file with --out.") from None
    except OSError as error:
        raise InvalidInput(f"The key file {file} cannot be written: {error.strerror or error}.") from error

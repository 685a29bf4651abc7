"""The folder of a host: who it is, its keys, and its workers.

data (0711)   host.json host.key next.key out.key (0600)   running
              workers/ sources/ link/ out/   waiting/ incoming/ outgoing/ accounts/ (0700)
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from factory import root_lock
from factory.domain.way_out import KEY_BYTES
from factory.errors import Conflict, InvalidInput
from factory.paths import SOCKET_PATH_BYTES
from factory.transport.curve import KeyPair, save_key

_PRIVATE, _PASSABLE, _READABLE = 0o700, 0o711, 0o755
_VARIABLE = "FACTORY_WORKER_DATA"
_OUT, _BEFORE = "s", ".new"
"""The socket of a way out, and what its name ends in before it is there."""
_LONGEST_WORKER = 20


class Identity(msgspec.Struct, frozen=True):
    """Who this host is to which factory: `endpoint` is where its link is, `server_key` its public key (Z85)."""

    name: str
    endpoint: str
    server_key: str


@dataclass(frozen=True, slots=True)
class Home:
    """All files of one host."""

    data: Path

    @classmethod
    def locate(cls, environ: Mapping[str, str], named: Path | None) -> "Home":
        """The folder that the command line or FACTORY_WORKER_DATA names, else the user's own."""
        if named is not None or environ.get(_VARIABLE):
            return cls((named or Path(environ[_VARIABLE])).expanduser().absolute())
        if os.geteuid() == 0:
            return cls(Path("/var/lib/factory-worker"))
        base = environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
        return cls(Path(base) / "factory-worker")

    @property
    def workers(self) -> Path:
        return self.data / "workers"

    @property
    def sources(self) -> Path:
        return self.data / "sources"

    @property
    def socket(self) -> Path:
        """Where agents find the factory's link."""
        return self.data / "link" / "gateway.sock"

    @property
    def waiting(self) -> Path:
        """Orders of workers whose source is still on its way."""
        return self.data / "waiting"

    @property
    def incoming(self) -> Path:
        return self.data / "incoming"

    @property
    def outgoing(self) -> Path:
        return self.data / "outgoing"

    @property
    def out(self) -> Path:
        """Of each worker that is let out by this machine a folder with the socket of its way."""
        return self.data / "out"

    def way_out(self, worker: str) -> Path:
        return self.out / worker / _OUT

    @property
    def accounts(self) -> Path:
        return self.data / "accounts"

    def account(self, worker: str) -> Path:
        """What a worker has used, until the factory has it."""
        return self.accounts / f"{worker}.outlay"

    @property
    def has_room_for_ways_out(self) -> bool:
        """Whether the sockets' names are short enough."""
        return len(os.fsencode(self.way_out("0" * _LONGEST_WORKER))) + len(_BEFORE) <= SOCKET_PATH_BYTES

    def prepare(self) -> None:
        """Makes the folders. Raises `InvalidInput` where they cannot be."""
        if len(os.fsencode(self.socket)) > SOCKET_PATH_BYTES:
            raise InvalidInput(f"The folder {self.data} has too long a name for a socket in it: choose a shorter one with --data.")
        try:
            for folder in (self.data, self.workers, self.sources, self.out):
                folder.mkdir(mode=_PASSABLE, parents=True, exist_ok=True)
            self.socket.parent.mkdir(mode=_READABLE, exist_ok=True)
            for folder in (self.waiting, self.incoming, self.outgoing, self.accounts):
                folder.mkdir(mode=_PRIVATE, exist_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise InvalidInput(f"The folder {self.data} cannot be used: {reason}; name another one with --data.") from error

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Holds the folder for this process. Raises `Conflict` where another one works on it."""
        try:
            with root_lock.hold(self.data):
                yield
        except Conflict:
            raise Conflict(f"Another factory-worker runs on {self.data}.") from None

    # -- identity -----------------------------------------------------------------------------------------------------

    def identity(self) -> Identity:
        """Raises `InvalidInput` where this machine has not joined a factory."""
        try:
            return msgspec.json.decode((self.data / "host.json").read_bytes(), type=Identity)
        except FileNotFoundError:
            raise InvalidInput(
                f"This machine has not joined a factory ({self.data}): use the line that `factory worker enroll` prints."
            ) from None
        except (OSError, msgspec.DecodeError) as error:
            raise InvalidInput(f"{self.data / 'host.json'} cannot be read ({error}): join again.") from error

    def keys(self) -> KeyPair:
        return KeyPair.load(self.data / "host.key")

    def join(self, identity: Identity, keys: KeyPair) -> None:
        """Keeps what a factory has let in, in the place of what was before."""
        fresh = self.data / "joined.key"
        fresh.unlink(missing_ok=True)
        keys.save(fresh)
        draft = self.data / "host.json.new"
        draft.touch(mode=_PRIVATE & 0o600)
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(identity), indent=1) + b"\n")
        fresh.replace(self.data / "host.key")
        draft.replace(self.data / "host.json")
        (self.data / "next.key").unlink(missing_ok=True)

    def out_key(self) -> bytes:
        """What this machine's workers show when they want out is made of it. It is worth nothing elsewhere.

        Lanes and ways out may ask for it at once: what the first one makes is everybody's.
        """
        file = self.data / "out.key"
        if not file.exists():
            with suppress(FileExistsError):
                save_key(file, secrets.token_bytes(KEY_BYTES))
        return file.read_bytes()

    def next_keys(self) -> KeyPair:
        """The pair that follows, the same until it is used."""
        return KeyPair.obtain(self.data / "next.key")

    def use_next_keys(self) -> KeyPair:
        """Before it is used for the first time: whoever is killed in between has either the old one or the new one, and both are good."""
        (self.data / "next.key").replace(self.data / "host.key")
        return self.keys()

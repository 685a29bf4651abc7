"""Key pairs of the worker link (CURVE), and the files they are kept in."""

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import zmq

from factory.errors import InvalidInput

_Z85_LENGTH = 40


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A CURVE key pair in Z85 (40 characters each). The secret shows in no `repr`."""

    public: str
    secret: str = field(repr=False)

    @classmethod
    def generate(cls) -> "KeyPair":
        public, secret = zmq.curve_keypair()
        return cls(public.decode(), secret.decode())

    @classmethod
    def parse(cls, content: bytes) -> "KeyPair":
        """Reads what `dump` wrote. Raises `InvalidInput` for anything else, also for halves of different pairs."""
        try:
            public, secret = content.decode("ascii").split()
            if len(secret) == _Z85_LENGTH and zmq.curve_public(secret.encode()).decode() == public:
                return cls(public, secret)
        except (ValueError, zmq.ZMQError):
            # The cause would quote the content, and half of it may be a secret.
            raise InvalidInput("This is no key pair.") from None
        raise InvalidInput("This is no key pair.")

    @classmethod
    def load(cls, path: Path) -> "KeyPair":
        try:
            return cls.parse(path.read_bytes())
        except InvalidInput:
            raise InvalidInput(f"{path} holds no key pair.") from None

    @classmethod
    def obtain(cls, path: Path) -> "KeyPair":
        """The pair kept at a path, generated and saved there the first time."""
        if not path.exists():
            try:
                cls.generate().save(path)
            except FileExistsError:  # somebody was faster: theirs is the one
                return cls.load(path)
        return cls.load(path)

    def dump(self) -> bytes:
        """The file's content, for a host that writes files itself."""
        return f"{self.public}\n{self.secret}\n".encode()

    def save(self, path: Path) -> None:
        """Writes a new file readable by this user only. Raises `FileExistsError` rather than replace a key."""
        save_key(path, self.dump())


def save_key(path: Path, content: bytes) -> None:
    """Writes a new file readable by this user only. Raises `FileExistsError` rather than replace a key.

    Written beside the path with mode 0600 from the start, then linked: whoever is killed in between
    leaves no half-written key that would block the next start, and of several at once one is first.
    """
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".key-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        os.unlink(draft)  # noqa: PTH108 - mkstemp speaks in strings

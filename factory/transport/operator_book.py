"""Which operators may come over the network: a file in the data folder, so that they can be named before the factory runs."""

import fcntl
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from factory.domain.operators import MOST, Operator
from factory.errors import Conflict, InvalidInput, NotFound

_PRIVATE = 0o600
_Stamp = tuple[int, int, int]


def book_path(data: Path) -> Path:
    return data / "operators.json"


def server_key_path(data: Path) -> Path:
    """The factory's own pair for operators. Workers know the gateway's, which is another one."""
    return data / "operators.key"


class OperatorBook:
    """The file as it stands at each question: whoever is struck out is unknown with the next message.

    A file that is gone or cannot be read knows nobody.
    """

    def __init__(self, data: Path) -> None:
        self._path = book_path(data)
        self._stamp: _Stamp | None = None
        self._by_key: dict[str, Operator] = {}

    def operator(self, key: str) -> Operator | None:
        """Whose public key (Z85) it is."""
        self._look()
        return self._by_key.get(key)

    def worker(self, key: str) -> str | None:
        """The name behind a key, as `zap.Admission` asks for it."""
        known = self.operator(key)
        return known.name if known else None

    def everyone(self) -> list[Operator]:
        """By name. Raises `InvalidInput` where the file cannot be read."""
        return sorted(self._read(), key=lambda operator: operator.name)

    def add(self, operator: Operator) -> None:
        """Raises `Conflict` where there is one of that name: two keys of one name could not be told apart in the audit trail."""
        with self._locked():
            known = self._read()
            if any(each.name == operator.name for each in known):
                hint = f"`factory operator remove {operator.name}` takes that key back"
                raise Conflict(f"There is an operator {operator.name} already; {hint}.")
            if len(known) >= MOST:
                raise Conflict(f"There are {MOST} operators already; remove one first.")
            self._write([*known, operator])

    def remove(self, name: str) -> None:
        """Raises `NotFound`."""
        with self._locked():
            known = self._read()
            left = [operator for operator in known if operator.name != name]
            if len(left) == len(known):
                raise NotFound(f"There is no operator {name}; `factory operator list` shows them.")
            self._write(left)

    def _look(self) -> None:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
            if stamp != self._stamp:
                self._by_key = {operator.key: operator for operator in self._read()}
                self._stamp = stamp
        except (OSError, InvalidInput):
            self._stamp, self._by_key = None, {}

    def _read(self) -> Sequence[Operator]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=list[Operator])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{self._path} cannot be read ({error}): mend it, or remove it and add the operators again.") from error

    def _write(self, operators: Sequence[Operator]) -> None:
        descriptor, draft = tempfile.mkstemp(dir=self._path.parent, prefix=".operators-")
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(operators), indent=1) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(self._path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, _PRIVATE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

"""The state: a file of lines, of which the last one about a thing holds. Killed at any byte, all but the torn line is kept."""

import fcntl
import json
from pathlib import Path
from typing import TypeVar

import msgspec

from factory.standin import model
from factory.standin.model import Thing

T = TypeVar("T", bound=Thing)

_KINDS: dict[str, type[Thing]] = {
    kind.__name__: kind
    for kind in (model.Person, model.Repository, model.Issue, model.Check, model.Status, model.App, model.Grant, model.Hook)
}
_IDS = "ids"


class InUse(Exception):
    """Another process has this state. Two would each write a file of their own over the other's."""


class Store:
    """Used by one thread at a time. Raises `InUse`."""

    def __init__(self, file: Path) -> None:
        self._lock = file.with_suffix(".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise InUse from None
        self._things: dict[str, dict[str, Thing]] = {kind: {} for kind in _KINDS}
        self._last_id = 1_000
        lines = lines_of(file)
        for line in lines:
            self._take(line)
        # Written anew, so that a torn last line is not continued by the next one.
        fresh = file.with_suffix(".tmp")
        fresh.write_text("".join(json.dumps(line) + "\n" for line in lines))
        fresh.replace(file)
        self._file = file.open("a", buffering=1)

    def all(self, kind: type[T]) -> list[T]:
        return list(self._things[kind.__name__].values())  # type: ignore[arg-type] # each kind has a table of its own

    def get(self, kind: type[T], key: str) -> T | None:
        return self._things[kind.__name__].get(key)  # type: ignore[return-value] # as above

    def put(self, thing: Thing) -> None:
        kind = type(thing).__name__
        self._things[kind][thing.key] = thing
        self._write(kind, thing.key, msgspec.to_builtins(thing))

    def drop(self, thing: Thing) -> None:
        kind = type(thing).__name__
        self._things[kind].pop(thing.key, None)
        self._write(kind, thing.key, None)

    def fresh_id(self) -> int:
        """One for all kinds, and never given twice."""
        self._last_id += 1
        self._write(_IDS, "", self._last_id)
        return self._last_id

    def close(self) -> None:
        self._file.close()
        self._lock.close()

    def _write(self, kind: str, key: str, value: object) -> None:
        self._file.write(json.dumps({"kind": kind, "key": key, "value": value}) + "\n")

    def _take(self, line: dict[str, object]) -> None:
        kind, key, value = str(line["kind"]), str(line["key"]), line["value"]
        if kind == _IDS:
            self._last_id = max(self._last_id, int(str(value)))
        elif value is None:
            self._things[kind].pop(key, None)
        else:
            self._things[kind][key] = msgspec.convert(value, _KINDS[kind])


def lines_of(file: Path) -> list[dict[str, object]]:
    """What holds in a file of state, one line per thing; also of a server that is running or was killed."""
    held: dict[tuple[str, str], dict[str, object]] = {}
    for text in file.read_text().splitlines(keepends=True) if file.exists() else ():
        if text.endswith("\n"):
            line = json.loads(text)
            held[line["kind"], line["key"]] = line
    return [line for line in held.values() if line["value"] is not None]

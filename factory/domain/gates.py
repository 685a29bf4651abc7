"""Gates: commands of a target repository that say whether a result is good, as its `.factory.toml` lists them.

Each is a table `[[gates]]` with `name`, `command` (a shell line, run in the root of the repository), `timeout`
("10m", "90s" or seconds; 600 without it) and `required` (true without it; else it is shown, but stops nothing).
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FILE = ".factory.toml"
"""Where a repository says what the factory should know, in its root, read at the base commit."""

MAX_GATES = 20
"""More than any repository needs; each may run for hours, one after the other."""
MAX_COMMAND = 4_096
"""Characters; a longer command belongs into a script of the repository."""
MAX_NAME = 64
DEFAULT_SECONDS = 600.0
MAX_SECONDS = 7_200.0
"""Two hours: a gate that takes longer holds up every result behind it."""

_KEYS = frozenset({"name", "command", "timeout", "required"})
_NAME = re.compile(r"[^\x00-\x1f|`]+")
_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0}


class BadGates(ValueError):
    """The file cannot be used. The message is one sentence for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A command that says whether a result is good. `timeout` in seconds; a gate that is not required is advice."""

    name: str
    command: str
    timeout: float = DEFAULT_SECONDS
    required: bool = True


def parse(text: str) -> tuple[Gate, ...]:
    """The gates of a `.factory.toml`; none where it has no such table. Other tables are for others.

    Raises:
        BadGates: it is no TOML, or a gate is not as it must be.
    """
    try:
        tables = tomllib.loads(text).get("gates", [])
    except tomllib.TOMLDecodeError as error:
        raise BadGates(f"{FILE} is not valid TOML: {error}.") from error
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise BadGates(f"{FILE}: gates are written as [[gates]] tables.")
    return checked([_gate(place, table) for place, table in enumerate(tables, start=1)])


def checked(gates: list[Gate]) -> tuple[Gate, ...]:
    """The list, if it may be one. Raises `BadGates` where there are too many or two of one name."""
    if len(gates) > MAX_GATES:
        raise BadGates(f"{FILE} has {len(gates)} gates, at most {MAX_GATES} are allowed.")
    names = [gate.name for gate in gates]
    for name in names:
        if names.count(name) > 1:
            raise BadGates(f"{FILE} has two gates named {name!r}.")
    return tuple(gates)


def _gate(place: int, table: Mapping[str, Any]) -> Gate:
    name = _text(place, table, "name", MAX_NAME)
    if not _NAME.fullmatch(name):
        raise BadGates(f"{FILE}: gate {place} has a name with a character that no name may have.")
    if unknown := sorted(table.keys() - _KEYS):
        raise BadGates(f"{FILE}: gate {name!r} has {unknown[0]!r}, which nothing reads; known are {_listed(_KEYS)}.")
    required = table.get("required", True)
    if not isinstance(required, bool):
        raise BadGates(f"{FILE}: `required` of gate {name!r} is true or false.")
    return Gate(name, _text(place, table, "command", MAX_COMMAND), _timeout(name, table.get("timeout")), required)


def _text(place: int, table: Mapping[str, Any], key: str, limit: int) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise BadGates(f"{FILE}: gate {place} needs a {key}.")
    if len(value) > limit or "\0" in value:
        raise BadGates(f"{FILE}: the {key} of gate {place} is longer than {limit} characters or holds a zero byte.")
    return value.strip()


def _timeout(name: str, value: object) -> float:
    seconds = DEFAULT_SECONDS if value is None else _seconds(value)
    if seconds is None or not 0 < seconds <= MAX_SECONDS:
        raise BadGates(f'{FILE}: the timeout of gate {name!r} is a time like "90s" or "10m", or seconds, up to {MAX_SECONDS:g}.')
    return seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    return float(match["number"]) * _UNITS[match["unit"]] if match else None


def _listed(keys: frozenset[str]) -> str:
    return ", ".join(sorted(keys))

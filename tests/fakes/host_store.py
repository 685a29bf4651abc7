"""Hosts in memory, with a clock that is moved by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from factory.domain.hosts import KEY_SECONDS, TOKEN_SECONDS
from factory.errors import Conflict, InvalidInput, NotFound, Refused
from factory.host_ports import KnownHost, Place


@dataclass(slots=True)
class _Row:
    labels: tuple[str, ...] = ()
    token: str = ""
    token_until: float = 0.0
    token_key: str = ""
    key: str = ""
    next_key: str = ""
    expires: float = 0.0
    revoked: bool = False
    draining: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class FakeHostStore:
    """Passes the contract suite of the port. `places`: worker → place. `now` in seconds."""

    places: dict[str, Place] = field(default_factory=dict)
    now: float = 0.0
    _rows: dict[str, _Row] = field(default_factory=dict)

    def enroll(self, name: str, labels: Sequence[str], token_hash: str, operator: str) -> None:
        row = self._rows.setdefault(name, _Row())
        row.labels, row.token, row.token_until, row.token_key = tuple(labels), token_hash, self.now + TOKEN_SECONDS, ""

    def join(self, token_hash: str, key: str, facts: dict[str, Any]) -> str:
        _check(facts)
        name = next((name for name, row in self._rows.items() if row.token == token_hash), None)
        if name is None:
            raise Refused("not known")
        row = self._rows[name]
        if row.token_key == key:
            return name
        if row.token_key:
            raise Refused("used already")
        if row.token_until <= self.now:
            raise Refused("older than 10 minutes")
        row.token_key = row.key = key
        row.next_key, row.revoked, row.draining, row.expires, row.facts = "", False, False, self.now + KEY_SECONDS, facts
        return name

    def known(self) -> list[KnownHost]:
        return [
            KnownHost(name, row.key, row.next_key, row.labels, row.facts, row.draining, row.expires - self.now)
            for name, row in sorted(self._rows.items())
            if self._is_good(row)
        ]

    def renew(self, name: str, key: str, next_key: str) -> bool:
        row = self._rows[name]
        if not self._is_good(row) or row.key != key or any(other.key == next_key for other in self._rows.values()):
            return False
        if any(other.next_key == next_key for other in self._rows.values() if other is not row):
            raise Conflict("that key is another host's")
        row.next_key = next_key
        return True

    def use_next(self, name: str, key: str) -> bool:
        row = self._rows[name]
        if row.revoked or not row.next_key or row.next_key != key:
            return False
        row.key, row.next_key, row.expires = key, "", self.now + KEY_SECONDS
        return True

    def revoke(self, name: str, operator: str) -> None:
        row = self._row(name)
        row.revoked, row.key, row.next_key, row.token = True, "", "", ""

    def drain(self, name: str, operator: str, *, draining: bool) -> None:
        self._row(name).draining = draining

    def seen(self, facts: dict[str, dict[str, Any] | None]) -> None:
        _check(facts)
        for name, told in facts.items():
            self._rows[name].facts = told or self._rows[name].facts

    def place_of(self, worker: str) -> Place | None:
        _check(worker)
        return self.places.get(worker)

    def _is_good(self, row: _Row) -> bool:
        return bool(row.key) and not row.revoked and row.expires > self.now

    def _row(self, name: str) -> _Row:
        if name not in self._rows:
            raise NotFound(f"There is no host {name}.")
        return self._rows[name]


def _check(value: object) -> None:
    # As PostgreSQL does, whose texts have no zero bytes.
    if "\\x00" in repr(value):
        raise InvalidInput("a zero byte cannot be stored")

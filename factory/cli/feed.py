"""`factory feed`: all that happens, one line for each change, for pipes and for those who listen instead of look."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from factory.cli.client import here, raise_for
from factory.cli.elsewhere import Connect, KeyFile, place
from factory.cli.output import note, show, show_json
from factory.domain.clean import clean_line
from factory.domain.durations import parse_duration
from factory.errors import FactoryError, InvalidInput

if TYPE_CHECKING:
    from factory.protocol.feed import Delta, Snapshot
    from factory.transport.operator_key import Remote

KINDS = ("event", "item", "worker", "limit", "lock", "pull_request", "outbox", "node")

_KIND_HELP = f"Only these, repeatable: {', '.join(KINDS)} [default: all]."
_POLL_SECONDS = 0.5
_ASK_SECONDS = 10.0
_PAGE = 500
_REMEMBERED = 20_000
"""Ids whose last line is known, so that a change of nothing that is told makes no line."""


def register(app: typer.Typer) -> None:
    app.command()(feed)


def feed(
    context: typer.Context,
    *,
    since: Annotated[str, typer.Option(help="Begin with the events of so long, as in 2h.", metavar="DURATION")] = "",
    kind: Annotated[list[str] | None, typer.Option(help=_KIND_HELP, metavar="KIND")] = None,
    json: Annotated[bool, typer.Option("--json/--plain", help="One JSON object a line, with a `schema` field, or words.")] = False,
    connect: Connect = "",
    key: KeyFile = None,
) -> None:
    """Tell what happens as it happens, one line for each change, until Ctrl-C.

    Lines have no colours and nothing is painted over. The factory may come and go meanwhile.

    \b
    Examples:
      factory feed
      factory feed --since 2h --kind event --json | jq .type
      factory feed --connect tcp://HOST:7710 --key ada.factory-key
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    seconds = _seconds(since)
    wanted = frozenset(kind or KINDS)
    if unknown := wanted - set(KINDS):
        raise InvalidInput(f"--kind: there is no {min(unknown)!r}; there are {', '.join(KINDS)}.")
    teller = Teller(wanted, json=json)
    try:
        _follow(place(here(context), connect, key), teller, seconds)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _follow(where: "Path | Remote", teller: "Teller", since: float) -> None:
    from factory.protocol.feed import Snapshot
    from factory.transport.feed_subscriber import FeedSubscriber

    subscriber = FeedSubscriber(where)
    live, told_waiting = False, False
    try:
        while True:
            update = subscriber.poll(_POLL_SECONDS)
            if isinstance(update, Snapshot) and since:
                # Asked only once the deltas are heard, so that nothing falls between the two; what is told twice is told once.
                _tell_past(where, teller, since)
                since = 0.0
            if update is not None:
                teller.tell(update)
            if not live and not subscriber.live and not told_waiting:
                note("Waiting for the factory.")
            elif live and not subscriber.live:
                note("The factory is not heard any more; waiting for it.")
            live, told_waiting = subscriber.live, True
    finally:
        subscriber.close()


def _tell_past(where: "Path | Remote", teller: "Teller", since: float) -> None:
    from factory.protocol.commands import Query
    from factory.transport.command_client import CommandClient

    client, at = CommandClient(where), ""
    try:
        begin = datetime.now(UTC).timestamp() - since
        while True:
            reply = client.ask(Query("trail", since=begin, place=at, limit=_PAGE), _ASK_SECONDS)
            raise_for(reply)
            for row in reply.data["events"]:
                teller.event(row)
            at = reply.data["next"]
            if not at:
                return
    except FactoryError as error:
        note(f"What happened before is not told: {error}")
    finally:
        client.close()


class Teller:
    """Turns updates into lines. What is known already makes none."""

    def __init__(self, kinds: frozenset[str], *, json: bool) -> None:
        self._kinds, self._json = kinds, json
        self._last: dict[tuple[str, str], str] = {}
        self._seen: dict[str, int] = {}

    def tell(self, update: "Snapshot | Delta") -> None:
        from factory.protocol.feed import Snapshot

        if isinstance(update, Snapshot):
            for kind, rows in rows_of(update):
                for row in rows:
                    self._row(kind, str(row.get("id", "")), row, update.at)
        elif update.kind == "event":
            self.event(update.data)
        else:
            row = update.data
            if update.kind == "limit" and row is not None:
                row = {"id": update.id, "value": row}
            self._row(update.kind, update.id, row, update.at)

    def event(self, row: Mapping[str, Any]) -> None:
        """Of one stream they come in order, so the number of the last tells which are known."""
        stream, seq = str(row.get("stream")), int(row.get("seq") or 0)
        if seq <= self._seen.get(stream, 0):
            return
        self._seen[stream] = seq
        if "event" in self._kinds:
            self._show("event", dict(row), f"{_time(row.get('at'))} event {stream} {row.get('type')} {_flat(row.get('data'))}")

    def _row(self, kind: str, name: str, row: Mapping[str, Any] | None, at: float) -> None:
        if kind not in self._kinds:
            return
        words = "gone" if row is None else words_of(kind, row)
        key = (kind, name)
        if self._last.get(key, "gone" if row is None else None) == words:
            return
        if row is None:
            self._last.pop(key, None)
        elif len(self._last) < _REMEMBERED:
            self._last[key] = words
        self._show(kind, {"id": name, "at": at, "row": row}, f"{_time(at)} {kind} {name} {words}")

    def _show(self, kind: str, data: dict[str, Any], line: str) -> None:
        if self._json:
            show_json("feed", {"kind": kind, **data})
        else:
            show(clean_line(line.rstrip()))


def rows_of(snapshot: "Snapshot") -> list[tuple[str, list[dict[str, Any]]]]:
    """Kind and rows of what a snapshot holds, in the order in which they are told."""
    limits = [{"id": name, "value": value} for name, value in snapshot.limits.items()]
    return [
        ("limit", limits), ("node", snapshot.nodes), ("item", snapshot.items), ("worker", snapshot.workers), ("lock", snapshot.locks),
        ("outbox", snapshot.outbox), ("pull_request", snapshot.pull_requests),
    ]  # fmt: skip


_WORDS: Mapping[str, tuple[str, ...]] = {
    "item": ("status", "priority_name", "title", "why"),
    "worker": ("status", "phase", "iteration", "reason"),
    "lock": ("worker_id",),
    "pull_request": ("state", "url", "title"),
    "outbox": ("tries", "last_error"),
    "node": ("state", "pid", "restarts", "stopped_by", "reason"),
}
"""Fields that are told of a row; what only counts on makes no line."""


def words_of(kind: str, row: Mapping[str, Any]) -> str:
    """A row in words."""
    if kind not in _WORDS:
        value = row.get("value", row)
        return _flat(value) if isinstance(value, Mapping) else str(value)
    return " ".join(f"{name.removesuffix('_name')}={row[name]}" for name in _WORDS[kind] if row.get(name) not in (None, "", 0))


def _flat(data: object) -> str:
    return " ".join(f"{name}={value}" for name, value in data.items() if value not in (None, "")) if isinstance(data, Mapping) else ""


def _time(at: object) -> str:
    """In the zone of the reader; the JSON has the number."""
    seconds = float(at) if isinstance(at, int | float) and at else time.time()  # noqa: TID251 - a factory that does not say when
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _seconds(since: str) -> float:
    try:
        return parse_duration(since) if since else 0.0
    except ValueError as error:
        raise InvalidInput(f"--since: {since!r} {error}.") from error

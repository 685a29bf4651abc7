"""`factory status`. Imports little, since it is called so without a parser too."""

from collections.abc import Mapping, Sequence
from typing import Any

from factory.cli.client import view
from factory.cli.output import coloured, fields, show, show_json
from factory.domain.durations import show_duration
from factory.paths import Paths

_NAMED = 3
"""Results that are named with what is in their way; the JSON has all."""


def print_status(paths: Paths, *, json: bool) -> None:
    """What the factory does, and if nothing: why."""
    data = view(paths, "status")
    if json:
        show_json("status", data)
        return
    dispatch: Mapping[str, Any] = data.get("dispatch") or {}
    counts: Mapping[str, int] = data.get("counts") or {}
    items = ", ".join(f"{count} {coloured(status)}" for status, count in counts.items() if count)
    lines = fields(
        [
            ("factory", f"{data.get('version', '')}, up {lasting(data.get('uptime'))}, process {data.get('pid') or 'unknown'}"),
            ("data", paths.data),
            ("isolation", data.get("isolation")),
            ("workers", f"{len(data.get('workers') or ())} of {dispatch.get('max_workers', '?')}"),
            ("starts", _dispatch(dispatch)),
            *_notices(data.get("limits") or {}),
            *_held(data.get("limits") or {}),
            *_troubled(data.get("workers") or ()),
            *_unpublished(data.get("outbox") or ()),
            ("stopped", ", ".join(f"{one.get('name')} (by {one.get('by')})" for one in data.get("stopped") or ())),
            ("stopping", data.get("stopping")),
        ]
    )
    # Put together by hand: a cleaned field would lose its colours.
    show("\n".join([*lines, f"items      {items or 'none'}"]))


def _notices(limits: Mapping[str, Any]) -> list[tuple[str, object]]:
    """What somebody should know, where there is such a thing."""
    intake, settings = (limits.get("pause") or {}).get("intake"), limits.get("settings") or {}
    problem, restart = settings.get("problem"), ", ".join(settings.get("restart") or ())
    return [
        ("intake", f"paused by {intake.get('by')}" if intake else ""),
        ("settings", f"the last good ones, since: {problem}" if problem else ""),
        ("restart", f"needed for {restart}" if restart else ""),
    ]


def _held(limits: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Engines that may not be used now: their items wait although workers may start. One whose time is over stays written down."""
    from factory.clock import SystemClock

    holds = {name.removeprefix("hold:"): hold for name, hold in limits.items() if name.startswith("hold:") and isinstance(hold, dict)}
    now = SystemClock().now()
    told: list[tuple[str, object]] = []
    for engine, hold in holds.items():
        until = hold.get("until")
        if until is None:
            told.append(("held", f"{engine} until `factory resume`: {hold.get('reason')}"))
        elif until > now:
            told.append(("held", f"{engine} for {show_duration(until - now)}: {hold.get('reason')}"))
    return told


def _unpublished(outbox: Sequence[Mapping[str, Any]]) -> list[tuple[str, object]]:
    """Results whose way to a pull request is blocked now, and by what."""
    blocked = [row for row in outbox if row.get("last_error")]
    told = [f"{row.get('item')} (tried {row.get('tries')} times): {row.get('last_error')}" for row in blocked[:_NAMED]]
    more = [f"and {len(blocked) - _NAMED} more"] if len(blocked) > _NAMED else []
    return [("blocked", line) for line in (*told, *more)]


def _troubled(workers: Sequence[Mapping[str, Any]]) -> list[tuple[str, object]]:
    """Workers that somebody should look at: they beat and get nowhere, or their lease is over and they are still there."""
    stalled = [
        f"{row.get('id')} (nothing moved for {lasting(row.get('progress_age'))})" for row in workers if row.get("phase") == "stalled"
    ]
    killing = [str(row.get("id")) for row in workers if row.get("status") == "killing"]
    return [("stalled", ", ".join(stalled)), ("killing", ", ".join(killing))]


def lasting(seconds: object) -> str:
    return show_duration(float(seconds)) if isinstance(seconds, int | float) else ""


def _dispatch(dispatch: Mapping[str, Any]) -> str:
    return "as soon as there is work" if dispatch.get("open", True) else f"none: {dispatch.get('reason') or 'closed'}"

"""What came of attempts over a time, as lines: bars, then numbers. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from tui.columns import show_age, show_count
from tui.page import Line, shown
from tui.states import Tone
from tui.widgets.sparkline import bucketed, spark

WINDOWS = ("1h", "6h", "24h", "7d")

_SERIES: Sequence[tuple[str, str, Tone]] = (
    ("published", "published", "good"), ("failed", "failed", "bad"), ("ended", "attempts", "busy"), ("iterations", "iterations", ""),
    ("tokens", "tokens", ""),
)  # fmt: skip
_NAME = 12
_MOST = 8
_WIDEST = 96


def lines(data: Mapping[str, Any], size: int) -> list[Line]:
    """The answer to a `series` query at this width."""
    points, totals = list(data.get("points") or ()), data.get("totals") or {}
    columns = min(max(size - _NAME - 22, 8), _WIDEST)
    made: list[Line] = []
    for field, name, tone in _SERIES:
        values = [float(point.get(field) or 0) for point in points]
        bars = f"{name:<{_NAME}}{spark(values, columns):<{min(columns, len(values) or 1)}}"
        made.append(Line(f"{bars}  {show_count(sum(values)):>5}  top {show_count(max(bucketed(values, columns), default=0)):>5}", tone))
    return [*made, Line(""), *_numbers(totals, data), *_failures(totals, size), *_gates(totals, size)]


def is_empty(data: Mapping[str, Any]) -> bool:
    totals = data.get("totals") or {}
    return not any(totals.get(name) for name in ("claims", "published", "failed", "tokens"))


def _numbers(totals: Mapping[str, Any], data: Mapping[str, Any]) -> list[Line]:
    hours = max((float(data.get("to") or 0) - float(data.get("from") or 0)) / 3_600, 1e-9)
    ended = int(totals.get("published") or 0) + int(totals.get("failed") or 0)
    share = f"   {100 * int(totals.get('published') or 0) / ended:.0f}% of what ended" if ended else ""
    rate = totals.get("gate_rate")
    return [
        Line("Throughput", "head"),
        Line(f"  {totals.get('published') or 0} published, {(totals.get('published') or 0) / hours:.1f} an hour{share}"),
        Line(f"  {totals.get('claims') or 0} attempts begun, {totals.get('failed') or 0} failed"),
        Line(f"  wait  p50 {_age(totals, 'wait_p50'):>5}   p90 {_age(totals, 'wait_p90'):>5}"),
        Line(f"  run   p50 {_age(totals, 'run_p50'):>5}   p90 {_age(totals, 'run_p90'):>5}"),
        Line(f"  {show_count(totals.get('tokens') or 0)} tokens, {show_count(totals.get('tokens_per_hour') or 0)} an hour"),
        Line(f"  gates passed {'-' if rate is None else f'{100 * float(rate):.0f}%'}"),
    ]


def _failures(totals: Mapping[str, Any], size: int) -> list[Line]:
    found = sorted((totals.get("failures") or {}).items(), key=lambda pair: (-pair[1], pair[0]))
    if not found:
        return []
    most = found[0][1]
    room = min(max(size - 30, 4), 40)
    bars = [Line(f"  {shown(name)[:16]:<16} {count:>5} {'█' * max(round(count / most * room), 1)}", "bad") for name, count in found[:_MOST]]
    return [Line(""), Line("Failures by class", "head"), *bars]


def _gates(totals: Mapping[str, Any], size: int) -> list[Line]:
    found = list(totals.get("gates") or ())
    if not found:
        return []
    name_room = min(max(size - 30, 8), 30)
    rows = [
        Line(
            f"  {shown(row.get('name'))[:name_room]:<{name_room}} {100 * float(row.get('rate') or 0):>4.0f}%"
            f"  {row.get('passed') or 0} of {(row.get('passed') or 0) + (row.get('failed') or 0)}",
            "" if not row.get("failed") else "warn",
        )
        for row in found[:_MOST]
    ]
    return [Line(""), Line("Gates", "head"), *rows]


def _age(totals: Mapping[str, Any], name: str) -> str:
    value = totals.get(name)
    return "-" if value is None else show_age(float(value))

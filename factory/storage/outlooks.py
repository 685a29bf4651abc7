"""What dashboards ask for over a time: the trail of all streams, what came of attempts, what waits for a person. Reads only."""

from typing import Any

from factory.errors import InvalidInput
from factory.storage.database import Cursor, Database
from factory.storage.queries import query
from factory.storage.rows import single

PAGE_BYTES = 512 * 1024
"""Of events in one page: an answer is one frame."""

POINTS = 60
"""Parts of a window."""

MOST = 200

_PARTS_OF_PLACE = 3


class Outlooks:
    """Reads them; for one thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def trail(self, since: float, place: str, stream: str | None, limit: int) -> dict[str, Any]:
        """Events and the place behind the last, empty where there is no more now.

        In the order of their times. One that is committed while it is read may stand before the place; the feed tells of it.
        """
        micros, after, seq = _place(place) if place else (int(since * 1e6) - 1, "", 0)
        most = min(max(limit, 1), 1_000)
        bound = {"micros": micros, "stream": after, "seq": seq, "only": stream, "limit": most}
        with self._database.transaction() as cursor:
            rows = cursor.execute(query("trail"), bound).fetchall()
        kept = _fitting(rows)
        whole = len(kept) == len(rows) and len(rows) < most
        last = kept[-1] if kept else None
        return {"events": [_event(row) for row in kept], "next": "" if whole or not last else _named(last)}

    def series(self, seconds: float) -> dict[str, Any]:
        """What came of attempts over so many seconds up to now: `POINTS` parts, and the whole."""
        with self._database.transaction() as cursor:
            end = float(single(cursor.execute(query("store_seconds")))["now"])
            bound = {"begin": end - seconds, "end": end, "bucket": seconds / POINTS, "limit": MOST}
            return {
                "bucket": seconds / POINTS, "from": end - seconds, "to": end,
                "points": _points(cursor, bound), "totals": _totals(cursor, bound, seconds),
            }  # fmt: skip

    def needs(self) -> dict[str, list[dict[str, Any]]]:
        """What waits for a person: `items`, `holds` of engines, `outbox` troubles."""
        with self._database.transaction() as cursor:
            bound = {"limit": MOST}
            return {
                "items": cursor.execute(query("needs_items"), bound).fetchall(),
                "holds": cursor.execute(query("needs_holds")).fetchall(),
                "outbox": cursor.execute(query("needs_outbox"), bound).fetchall(),
            }

    def approvals(self) -> list[dict[str, Any]]:
        """What waits for a yes or no, the one that waits longest first."""
        with self._database.transaction() as cursor:
            return cursor.execute(query("approvals"), {"limit": MOST}).fetchall()

    def issues(self, limit: int) -> dict[str, list[dict[str, Any]]]:
        """`issues`, the latest first, and `sources`: the repositories that are watched, each with what is in the way."""
        with self._database.transaction() as cursor:
            bound = {"limit": min(max(limit, 1), 1_000)}
            return {
                "issues": cursor.execute(query("issues_view"), bound).fetchall(),
                "sources": cursor.execute(query("issue_sources_view"), bound).fetchall(),
            }

    def issue(self, key: str) -> dict[str, Any]:
        """By key, `owner/repo#12` or item; empty where there is none."""
        with self._database.transaction() as cursor:
            return cursor.execute(query("issue_view"), {"key": key.strip()}).fetchone() or {}


def _fitting(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    room = PAGE_BYTES
    for row in rows:
        room -= row["size"] + len(row["stream"]) + len(row["type"]) + 100
        if room < 0 and kept:
            break
        kept.append(row)
    return kept


def _event(row: dict[str, Any]) -> dict[str, Any]:
    told = {name: row[name] for name in ("stream", "seq", "type", "epoch", "data")}
    return {**told, "at": row["micros"] / 1e6}


def _named(row: dict[str, Any]) -> str:
    return f"{row['micros']} {row['seq']} {row['stream']}"


def _place(text: str) -> tuple[int, str, int]:
    parts = text.split(" ", _PARTS_OF_PLACE - 1)
    if len(parts) != _PARTS_OF_PLACE or not all(part.isascii() and part.isdigit() and len(part) < 18 for part in parts[:2]):  # noqa: PLR2004
        raise InvalidInput(f"{text[:60]!r} is no place in the trail: use `next` of the page before")
    return int(parts[0]), parts[2], int(parts[1])


def _points(cursor: Cursor, bound: dict[str, Any]) -> list[dict[str, Any]]:
    points = [
        {"at": bound["begin"] + part * bound["bucket"], "ended": 0, "failed": 0, "published": 0, "tokens": 0, "iterations": 0}
        for part in range(POINTS)
    ]
    for name in ("series_points", "series_published"):
        for row in cursor.execute(query(name), bound).fetchall():
            part = row.pop("part")
            points[min(part, POINTS - 1)].update(row)
    return points


def _totals(cursor: Cursor, bound: dict[str, Any], seconds: float) -> dict[str, Any]:
    waits, runs = single(cursor.execute(query("series_waits"), bound)), single(cursor.execute(query("series_runs"), bound))
    failures = {row["class"]: row["n"] for row in cursor.execute(query("series_failures"), bound).fetchall()}
    gates = [_rated(row) for row in cursor.execute(query("series_gates"), bound).fetchall()]
    points = _points(cursor, bound)
    summed = {name: sum(point[name] for point in points) for name in ("ended", "failed", "published", "tokens", "iterations")}
    passed, run = sum(gate["passed"] for gate in gates), sum(gate["passed"] + gate["failed"] for gate in gates)
    (wait_half, wait_most), (run_half, run_most) = waits["waits"] or (None, None), runs["runs"] or (None, None)
    return {
        **summed, "claims": waits["claims"], "tokens_per_hour": summed["tokens"] * 3600 / seconds,
        "published_per_hour": summed["published"] * 3600 / seconds,
        "wait_p50": wait_half, "wait_p90": wait_most, "run_p50": run_half, "run_p90": run_most,
        "failures": failures, "gates": gates, "gate_rate": passed / run if run else None,
    }  # fmt: skip


def _rated(row: dict[str, Any]) -> dict[str, Any]:
    run = row["passed"] + row["failed"]
    return {**row, "rate": row["passed"] / run if run else None}

"""What waits for a yes: the list, and everything that a yes would be about. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from factory.domain.clean import visible
from tui.columns import Cell, Column, said, show_age, show_count
from tui.states import Tone
from tui.tables import repo_name, waited
from tui.world import Row, Seen, World
from tui.wrapping import TAB, kept

_MOST_FILES = 200
"""Named; the patch has all of them."""

View = Mapping[str, Any]


def waiting(world: World, now: float) -> list[tuple[str, Seen]]:
    """Items that wait for an approval, the longest first."""
    rows = [(key, seen) for key, seen in world.items.items() if seen.row.get("status") == "needs_approval"]
    return sorted(rows, key=lambda pair: (-(waited(pair[1], now) or 0.0), pair[0]))


COLUMNS: tuple[Column[Seen], ...] = (
    Column("TASK", 10, lambda seen, _: said(seen.row.get("id"))),
    Column("REPO", 12, lambda seen, _: said(repo_name(seen.row.get("repo"))), least=60),
    Column("WAITS", 5, lambda seen, now: Cell(show_age(waited(seen, now))), right=True, order=waited),
    Column("FOUND", 0, lambda seen, _: said(seen.row.get("reason"))),
)


def shown_digest(seen: Seen | None, diff: View | None) -> str:
    """Names the result that is on the screen, as the one that waits; empty where that is not what is shown."""
    if seen is None or diff is None or diff.get("epoch") != seen.row.get("epoch") or not diff.get("approvable"):
        return ""
    return str(diff.get("digest") or "")


def asked(seen: Seen, item: View | None, diff: View | None, failure: str) -> list[Cell]:
    """The lines of the pane.

    Args:
        item: the view `item`, None until it came.
        diff: the view `diff` of the same attempt, None until it came.
        failure: why there is no diff yet.
    """
    row = seen.row
    lines = [said(f"{row.get('id')}  {row.get('title')}", "head"), said(_about(row), "dim"), Cell("")]
    lines += [Cell("why it asks", "head"), *kept(row.get("reason") or "no reason given", "warn"), Cell("")]
    lines += [*_evidence(item), *_gates(item)]
    if diff is None or diff.get("epoch") != row.get("epoch"):
        return [*lines, said(f"result: {failure or 'being read'}", "warn"), Cell("Nothing can be approved before it is shown.", "dim")]
    return [*lines, *_result(seen, diff)]


def _about(row: Row) -> str:
    parts = [row.get("repo"), f"on {row.get('base_branch') or '?'}", f"attempt {row.get('epoch')}", f"by {row.get('engine')}"]
    parts += [f"{show_count(row.get('tokens'))} tokens"] if row.get("tokens") else []
    return "   ".join(str(part) for part in parts)


def _evidence(item: View | None) -> Iterator[Cell]:
    evidence = str(((item or {}).get("item") or {}).get("evidence") or "")
    if evidence.strip():
        yield Cell("evidence", "head")
        yield from (Cell(f"  {line.text}", line.tone) for line in kept(evidence))
        yield Cell("")


def _gates(item: View | None) -> Iterator[Cell]:
    """The last run of each gate; of earlier ones nobody asks here."""
    last = {str(gate.get("name")): gate for gate in (item or {}).get("gates") or ()}
    if last:
        yield Cell("gates", "head")
    for name, gate in last.items():
        passed = bool(gate.get("passed"))
        word, tone = ("passed", "good") if passed else ("failed" if gate.get("required") else "failed, not required", "bad")
        yield _gate(f"  {name}  {word}  {show_age(gate.get('seconds'))}", "good" if tone == "good" else "bad")
        if not passed:
            yield from (Cell(f"    {line.text}", "dim") for line in kept(gate.get("output") or ""))
    if last:
        yield Cell("")


def _gate(text: str, tone: Tone) -> Cell:
    return said(text.strip(), tone)._replace(text=f"  {said(text).text}")


def _result(seen: Seen, diff: View) -> Iterator[Cell]:
    digest = shown_digest(seen, diff)
    yield Cell("result", "head")
    yield said(f"digest {diff.get('digest')}", "good" if digest else "warn")
    yield said(f"from {str(diff.get('base'))[:12]} to {str(diff.get('commit'))[:12]}, {diff.get('file_count')} files")
    if not digest:
        yield Cell("It does not wait for an approval any more.", "warn")
    yield Cell("")
    yield Cell("commits", "head")
    yield from (said(f"{str(commit.get('commit'))[:12]} {commit.get('subject')}") for commit in diff.get("commits") or ())
    yield Cell("")
    yield Cell("files", "head")
    yield from _files(diff)
    yield Cell("")
    yield from _patch(diff)


def _files(diff: View) -> Iterator[Cell]:
    files = list(diff.get("files") or ())
    for file in files[:_MOST_FILES]:
        added, deleted = file.get("added"), file.get("deleted")
        yield Cell(f"{'binary' if added is None else f'+{added} -{deleted}'}  {visible(str(file.get('path')))}")
    more = int(diff.get("file_count") or len(files)) - min(len(files), _MOST_FILES)
    if more > 0:
        yield Cell(f"and {more} more", "warn")


_TONES: tuple[tuple[str, Tone], ...] = (
    ("+++", "head"), ("---", "head"), ("diff ", "head"), ("commit ", "head"), ("@@", "busy"), ("+", "good"), ("-", "bad"),
)  # fmt: skip


def _patch(diff: View) -> Iterator[Cell]:
    patch = str(diff.get("patch") or "")
    if diff.get("too_large"):
        yield said(diff.get("too_large"), "warn")
        return
    for line in patch.split("\n")[: -1 if patch.endswith("\n") else None]:
        tone: Tone = next((tone for start, tone in _TONES if line.startswith(start)), "")
        yield Cell(visible(line).expandtabs(TAB), tone)
    left = int(diff.get("size") or 0) - int(diff.get("next") or 0)
    if left > 0:
        yield Cell(f"{left} more characters: D shows all of it", "warn")

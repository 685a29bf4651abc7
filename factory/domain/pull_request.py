"""The text of a pull request. What an agent wrote stands in code spans: it must not mention, close or link anything."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from factory.domain.ids import Commit, ItemId
from factory.domain.inspection import GateResult, Inspection
from factory.domain.model_prices import dollars

MAX_TITLE = 200
"""Forges cut titles at 256 characters or so."""
_MAX_ENTRIES = 50
"""Commits and tasks that are listed; the rest is counted."""
_MAX_ENTRY = 200

_ISSUE = re.compile(r"(?P<issue>[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}#[1-9][0-9]{0,9})(?:/[0-9]+)?")
_NOT_PLAIN = re.compile(r"[`\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Effort:
    """What it took, over all attempts. `iterations` are runs of the agent, `micros` millionths of a US dollar, 0 where nobody counted."""

    iterations: int
    tokens: int = 0
    reworks: int = 0
    micros: int = 0


def title_and_body(
    title: str,
    item: ItemId,
    *,
    tasks: Sequence[str],
    gates: Sequence[GateResult],
    inspection: Inspection,
    effort: Effort,
    closes: str = "",
    blocked: Sequence[str] = (),
) -> tuple[str, str]:
    """Title and body (Markdown) of the pull request of an item.

    Args:
        gates: how the verification went; empty where the repository has no gates.
        closes: the issue that is done when it is merged, as `#12` or `owner/name#12`; no text of anybody's.
        blocked: hosts that the agent, or what it ran, was not let to.
    """
    parts = [
        _summary(item, inspection, effort.iterations),
        f"Closes {closes}" if closes else "",
        _table(tasks, gates, effort),
        _list("Tasks", tasks),
        _gates(gates),
        _list("Commits", inspection.commits),
        _list("Hosts that the worker was not let to", blocked),
        marks(item, inspection.commit),
    ]
    return _line(title, MAX_TITLE) or f"Work item {item}", "\n\n".join(part for part in parts if part) + "\n"


def marker(item: ItemId) -> str:
    """Stands unseen in the body of the pull request of an item."""
    return f"<!-- factory:item={item} -->"


def _state_of(commit: Commit) -> str:
    return f"<!-- factory:commit={commit} -->"


def marks(item: ItemId, commit: Commit) -> str:
    """What the body ends with: whose pull request it is, and the result that the text is about."""
    return f"{marker(item)}\n{_state_of(commit)}"


def is_marked(body: str, item: ItemId, commit: Commit) -> bool:
    """Whether a body was written for exactly this result. A person may have edited it since, so it is not written again."""
    # On lines of their own, which nothing that an agent wrote is. Who edits it in a browser leaves other ends of lines.
    return marks(item, commit) in body.replace("\r\n", "\n")


def issue_closed(source: str, source_id: str) -> str:
    """`owner/name#12` where an item came from there, whatever run of it it is; empty where it came from no issue of GitHub."""
    match = _ISSUE.fullmatch(source_id) if source == "github" else None
    return match["issue"] if match else ""


def closed_before(url: str, state: str) -> str:
    """The sentence for a result whose item's pull request is over already."""
    return f"The item's pull request {url} is {state} already, and a second one is not opened: reopen it and approve, or cancel the item."


def _summary(item: ItemId, inspection: Inspection, iterations: int) -> str:
    made = f"{_count(len(inspection.commits), 'commit')} in {_count(iterations, 'iteration')}"
    size = f"{_count(len(inspection.changes), 'file')} changed, {_count(inspection.added_lines, 'line')} added"
    return f"Made by the software factory for work item `{item}`: {made}, {size}.\nChecked at `{inspection.commit}`."


def _table(tasks: Sequence[str], gates: Sequence[GateResult], effort: Effort) -> str:
    required = [gate for gate in gates if gate.required]
    passed = f"{sum(gate.passed for gate in required)} of {len(required)} passed" if required else "none"
    values = {
        "tasks": str(len(tasks)), "required gates": passed, "iterations": f"{effort.iterations:,}", "tokens": f"{effort.tokens:,}",
        "reworks": str(effort.reworks), **({"cost": dollars(effort.micros)} if effort.micros else {}),
    }  # fmt: skip
    return "\n".join([f"| {' | '.join(values)} |", f"|{'---|' * len(values)}", f"| {' | '.join(values.values())} |"])


def _gates(gates: Sequence[GateResult]) -> str:
    if not gates:
        return "## Gates\n\nThe repository has no gates, so nothing was run on this commit before it was pushed."
    rows = (f"| {_cell(gate.name)} | {_outcome(gate)} | {gate.seconds:.1f} s |" for gate in gates)
    intro = "Run on exactly this commit, in a fresh worker without an agent."
    return "\n".join(["## Gates", "", intro, "", "| gate | outcome | time |", "|---|---|---|", *rows])


def _outcome(gate: GateResult) -> str:
    if gate.passed:
        return "passed"
    return "**failed**" if gate.required else "failed (advisory)"


def _list(heading: str, entries: Sequence[str]) -> str:
    return "\n".join([f"## {heading}", "", *_entries(entries)]) if entries else ""


def _entries(entries: Sequence[str]) -> Iterator[str]:
    yield from (f"- `{_line(entry, _MAX_ENTRY)}`" for entry in entries[:_MAX_ENTRIES])
    if len(entries) > _MAX_ENTRIES:
        yield f"- and {len(entries) - _MAX_ENTRIES} more"


def _line(text: str, limit: int) -> str:
    plain = _NOT_PLAIN.sub(" ", text).strip()
    return plain if len(plain) <= limit else f"{plain[: limit - 1]}…"


def _cell(text: str) -> str:
    return _line(text, _MAX_ENTRY).replace("|", "\\|")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

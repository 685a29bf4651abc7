"""Lines of an attempt's log as what happened: calls, what came back, words, gaps. Pure: pieces of text in, blocks out.

The log is what agent, gates and worker printed, in the order of its coming. Claude Code's events are told in it as `> Tool subject` and
results indented below; other agents write one JSON object a line; anything else is words. All of it is from outside: nothing here decides
anything, and who prints `[factory]` can look like the factory.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tui.states import Tone

Kind = Literal["edit", "command", "call", "result", "words", "factory", "gap", "engine", "end", "trouble"]

MOST_PARTIAL = 65_536
"""Characters of a line that has not ended; what is longer is taken as a line."""

_GAP = re.compile(r"\[(\d+) bytes not kept\]")
_ENGINE = re.compile(r"claude \S+, model ")
_END = re.compile(r"result: \w+, ")
_TROUBLE = re.compile(r"usage limit \w+: |retry \d+ of \d+: ")
_TELLING = frozenset("[{> cru")
"""First letters of lines that are more than words."""
_CUT = "[the rest is not kept]"
_EDITS = frozenset({"edit", "write", "multiedit", "notebookedit", "file_change", "patch", "replace", "write_file", "apply_patch"})
_COMMANDS = frozenset({"bash", "shell", "run_shell_command", "command_execution", "exec"})
_SUBJECTS = ("file_path", "filePath", "path", "command", "pattern", "url", "query", "prompt", "description", "skill")
_FOLDING: frozenset[Kind] = frozenset({"result"})

TONES: Mapping[Kind, Tone] = {
    "edit": "good", "command": "busy", "call": "busy", "result": "dim", "factory": "warn", "gap": "warn", "engine": "dim", "end": "head",
    "trouble": "bad",
}  # fmt: skip


@dataclass(slots=True)
class Block:
    """What belongs together.

    Attributes:
        number: one higher than the block before; never used again.
        lines: as they came, uncleaned.
        failed: it says that it failed.
    """

    number: int
    kind: Kind
    lines: list[str] = field(default_factory=list)
    failed: bool = False

    @property
    def folds(self) -> bool:
        return self.kind in _FOLDING

    @property
    def tone(self) -> Tone:
        return "bad" if self.failed else TONES.get(self.kind, "")


@dataclass(frozen=True, slots=True)
class Said:
    """One line and what it is. `joins`: it goes on with a block of the same kind before it."""

    kind: Kind
    text: str
    joins: bool = False
    failed: bool = False


class Transcript:
    """Blocks in the order of the log.

    Args:
        plain: each line is taken as it stands, whatever it looks like.

    Attributes:
        blocks: the newest; older ones are dropped by `prune`.
        dropped: bytes of which the log says that they were not kept.
        lines: that came in all.
        pruned: lines that are no longer among the blocks.
    """

    def __init__(self, *, plain: bool = False) -> None:
        self._plain = plain
        self.blocks: list[Block] = []
        self.dropped = self.lines = self.pruned = 0
        self._partial = ""
        self._number = 0

    def feed(self, data: str) -> list[Block]:
        """Takes the next piece of the log, wherever it is cut; gives the blocks that are new or have grown."""
        *whole, self._partial = (self._partial + data).split("\n")
        if len(self._partial) > MOST_PARTIAL:
            whole.append(self._partial)
            self._partial = ""
        return self._take(whole)

    def end(self) -> list[Block]:
        """Nothing more comes: the last line is one, also without its end."""
        rest, self._partial = self._partial, ""
        return self._take([rest] if rest else [])

    def prune(self, most: int) -> int:
        """Drops the oldest blocks until there are at most so many lines; never the last one. Gives the number of lines dropped."""
        there = self.lines - self.pruned
        before = self.pruned
        place = 0
        while there > most and place < len(self.blocks) - 1:
            there -= len(self.blocks[place].lines)
            place += 1
        if there > most and self.blocks:
            del self.blocks[place].lines[: there - most]
            there = most
        del self.blocks[:place]
        self.pruned = self.lines - there
        return self.pruned - before

    def _take(self, lines: Iterable[str]) -> list[Block]:
        touched: dict[int, Block] = {}
        for line in lines:
            for said in self._understood(line.rstrip("\r")):
                block = self._keep(said)
                touched[block.number] = block
        return list(touched.values())

    def _understood(self, line: str) -> Iterator[Said]:
        if not self._plain:
            return _understood(line, self.blocks[-1].kind if self.blocks else None)
        return iter((Said("gap", line) if _GAP.fullmatch(line) else Said("words", line, joins=True),))

    def _keep(self, said: Said) -> Block:
        found = _GAP.search(said.text) if said.kind == "gap" else None
        self.dropped += int(found[1]) if found else 0
        self.lines += 1
        last = self.blocks[-1] if self.blocks else None
        if last is not None and said.joins and last.kind == said.kind:
            last.lines.append(said.text)
            last.failed |= said.failed
            return last
        block = Block(self._number, said.kind, [said.text], said.failed)
        self._number += 1
        self.blocks.append(block)
        return block


def _understood(line: str, before: Kind | None) -> Iterator[Said]:
    """What a line says; `before` is the kind of the block that it comes after."""
    # A log may bring thousands of lines at once: what most of them are is found by their first letter.
    if line[:1] not in _TELLING:
        yield Said("words", line, joins=True)
    elif _GAP.fullmatch(line) or line == _CUT:
        yield Said("gap", line)
    elif line.startswith("[factory] "):
        yield Said("factory", line)
    elif line.startswith("{") and (event := _event(line)) is not None:
        yield from _told(event)
    elif line.startswith("> "):
        name, _, subject = line[2:].partition(" ")
        yield Said(call_kind(name), f"{name} {subject}".rstrip())
    elif line.startswith("  ") and before in {"edit", "command", "call", "result"}:
        text = line[2:]
        yield Said("result", text.removeprefix("failed: "), joins=True, failed=text.startswith("failed: "))
    else:
        yield _words(line)


def call_kind(name: str) -> Kind:
    """What the call of a tool does, by the tool's name."""
    word = name.casefold()
    if word in _EDITS:
        return "edit"
    return "command" if word in _COMMANDS else "call"


def _words(line: str) -> Said:
    if _ENGINE.match(line):
        return Said("engine", line)
    if _END.match(line):
        return Said("end", line)
    if _TROUBLE.match(line):
        return Said("trouble", line)
    return Said("words", line, joins=True)


# -- agents that speak JSON ------------------------------------------------------------------------------------------


def _event(line: str) -> Mapping[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("type"), str) else None


def _told(event: Mapping[str, Any]) -> Iterator[Said]:
    """An event of Codex, Gemini or OpenCode; one that is not known by its type alone, since its words may be anybody's."""
    part = _table(event.get("item")) or _table(event.get("part")) or event
    match str(part.get("type") or event["type"]), event["type"]:
        case (("agent_message" | "text" | "reasoning" | "message"), _):
            yield from _each("words", part.get("text") or part.get("content"))
        case "command_execution", "item.started":
            yield Said("command", f"bash {part.get('command')}")
        case "command_execution", _:
            failed = part.get("exit_code") not in {0, None}
            yield from _each("result", part.get("aggregated_output") or f"exit {part.get('exit_code')}", failed=failed)
        case "file_change", _:
            for change in part.get("changes") or ():
                yield Said("edit", f"{_table(change).get('kind')} {_table(change).get('path')}")
        case "tool", _:
            yield from _tool(str(part.get("tool")), _table(part.get("state")))
        case "tool_use", _:
            yield _call(str(part.get("tool_name") or part.get("name")), _table(part.get("parameters") or part.get("input")))
        case "tool_result", _:
            yield from _each("result", part.get("output") or part.get("status"), failed=part.get("status") == "error")
        case "error", _:
            message = event.get("message") or part.get("message") or _table(event.get("error")).get("name")
            yield Said("trouble", f"error: {message}")
        case _, ("turn.failed"):
            yield Said("trouble", f"failed: {_table(event.get('error')).get('message')}")
        case _, ("turn.completed" | "result"):
            yield Said("end", f"{event['type']} {json.dumps(event.get('usage') or event.get('stats') or {})[:200]}")
        case _:
            yield Said("engine", event["type"])


def _tool(name: str, state: Mapping[str, Any]) -> Iterator[Said]:
    yield _call(name, _table(state.get("input")))
    yield from _each("result", state.get("output") or state.get("error"), failed=state.get("status") == "error")


def _call(name: str, given: Mapping[str, Any]) -> Said:
    subject = next((str(given[key]) for key in _SUBJECTS if given.get(key)), "")
    return Said(call_kind(name), f"{name} {subject}".rstrip())


def _each(kind: Kind, text: object, *, failed: bool = False) -> Iterator[Said]:
    if isinstance(text, str) and text:
        for line in text.rstrip("\n").split("\n"):
            yield Said(kind, line, joins=True, failed=failed)


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}

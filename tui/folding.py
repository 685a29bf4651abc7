"""Blocks of a transcript as lines of a page: what a tool printed is folded to three lines until somebody wants all of it. Pure."""

from collections.abc import Callable, Sequence

from tui.page import Line, shown, wrapped
from tui.transcript import Block, Transcript

FOLDED = 3
"""Lines of what a tool printed."""

MOST_LINES = 20_000
"""Of a log that are kept, the newest. While somebody reads further up nothing is taken away from above them, up to five times as many."""

_MARKS = {
    "edit": "▸ ", "command": "▸ ", "call": "▸ ", "result": "    ", "factory": "◆ ", "gap": "▲ ", "end": "✔ ", "trouble": "✖ ",
    "engine": "· ",
}  # fmt: skip


class Folding:
    """The lines of a transcript at one width, kept up to date as it grows.

    Attributes:
        lines: as they are shown; the same list all the time.
        raw: every line as it came, without folds and marks.
        new: lines of the log since `seen`.
        removed: lines taken away from the top since the last look at it.
    """

    def __init__(self, *, raw: bool = False) -> None:
        self.transcript = Transcript(plain=raw)
        self.lines: list[Line] = []
        self.removed = 0
        self._raw = raw
        self._size = 80
        self._open: set[int] = set()
        self._seen = 0
        self._rows: dict[int, int] = {}
        self._changed = False

    @property
    def new(self) -> int:
        return self.transcript.lines - self._seen

    def take_changed(self) -> bool:
        """Whether lines are others than at the last call."""
        changed, self._changed = self._changed, False
        return changed

    def seen(self) -> None:
        """All that is there was seen."""
        self._seen = self.transcript.lines

    def feed(self, data: str, *, ended: bool = False) -> None:
        """Takes the next piece of the log."""
        before = {block.number: len(block.lines) for block in self.transcript.blocks[-1:]}
        blocks = self.transcript.feed(data) + (self.transcript.end() if ended else [])
        for block in {block.number: block for block in blocks}.values():
            self._grow(block, before.get(block.number, 0))

    def prune(self, most: int = MOST_LINES) -> None:
        """Drops the oldest where there are half as many too many: each time costs as much as all that stays."""
        if self.transcript.lines - self.transcript.pruned > most + most // 2:
            rows = len(self.lines)
            self.transcript.prune(most)
            self._rebuild()
            self.removed += rows - len(self.lines)

    def resize(self, size: int) -> bool:
        """Makes the lines for this width; False where they have it."""
        if size == self._size:
            return False
        self._size = size
        self._rebuild()
        return True

    def toggle(self, block: int) -> None:
        """Folds or unfolds what a line belongs to."""
        self._open ^= {block}
        self._rebuild()

    def text(self) -> str:
        """All of it, unfolded, cleaned, without wrapping."""
        mark = (lambda _: "") if self._raw else _mark
        return "\n".join(mark(block) + shown(line) for block in self.transcript.blocks for line in block.lines)

    def _rebuild(self) -> None:
        self._changed = True
        self.lines.clear()
        self._rows.clear()
        for block in self.transcript.blocks:
            self._grow(block, 0)

    def _grow(self, block: Block, before: int) -> None:
        """Lines of a block from its line `before` on; it is the last one."""
        self._changed = True
        folded = block.folds and not self._raw and block.number not in self._open
        if not folded:
            for text in block.lines[before:]:
                self.lines.extend(self._of(block, text))
            return
        there = self._rows.get(block.number, 0)
        del self.lines[len(self.lines) - there :]
        rows = self._folded(block)
        self._rows = {block.number: len(rows)}
        self.lines.extend(rows)

    def _folded(self, block: Block) -> list[Line]:
        # No more of it is looked at than can be shown: a tool may print a million lines.
        rows = [row for text in block.lines[: FOLDED + 1] for row in self._of(block, text)]
        hidden = len(block.lines) - FOLDED
        if len(rows) <= FOLDED + (hidden == 1):
            return rows
        said = f"… {hidden} lines more" if hidden > 0 else "… more"
        return [*rows[:FOLDED], Line(f"    {said}   enter unfolds", "dim", block.number)]

    def _of(self, block: Block, text: str) -> list[Line]:
        mark = "" if self._raw else _mark(block)
        number = block.number if block.folds else -1
        return [Line(row, block.tone, number) for row in wrapped(mark + shown(text), self._size, " " * len(mark))]


def _mark(block: Block) -> str:
    return _MARKS.get(block.kind, "")


def found(lines: Sequence[Line], text: str) -> list[int]:
    """The places of the lines that hold the text, whatever its case."""
    wanted = text.casefold()
    return [place for place, line in enumerate(lines) if wanted in line.text.casefold()] if wanted else []


def next_of(places: Sequence[int], here: int, by: int) -> int | None:
    """The place after (1) or before (-1) this one, round the end; None where there is none."""
    if not places:
        return None
    beyond: Callable[[int], bool] = (lambda place: place > here) if by > 0 else (lambda place: place < here)
    rest = [place for place in places if beyond(place)]
    if by > 0:
        return rest[0] if rest else places[0]
    return rest[-1] if rest else places[-1]

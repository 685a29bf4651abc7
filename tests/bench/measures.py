"""Rounds, ratios and the one table that is printed at the end.

On shared cores a single figure says little. So whatever is compared takes turns in one run, in an order that is drawn
anew each round, and the ratio is taken within each round: what disturbs one disturbs the other as well.
"""

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Values = Sequence[float]
Unit = Literal["ms", "per second", "%", "KiB"]

_SAID: Mapping[Unit, str] = {"ms": "as long", "per second": "as many", "%": "as much", "KiB": "as much"}
_LARGE, _MIDDLE = 100, 10


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison; `ours` and `theirs` hold one value a round, in the same order."""

    what: str
    unit: Unit
    ours: Values
    beside: str
    theirs: Values

    def cells(self) -> tuple[str, ...]:
        ratios = [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]
        said = _SAID[self.unit]
        ours, theirs = f"{_shown(self.ours)} {self.unit}", f"{_shown(self.theirs)} {self.unit}"
        return (self.what, ours, self.beside, theirs, f"{_shown(ratios)} x {said}")


class Table:
    """Collects rows and, where a peer could not be had, the line that says so."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._skipped: list[str] = []

    def add(self, row: Row) -> None:
        self._rows.append(row)

    def skip(self, why: str) -> None:
        if why not in self._skipped:
            self._skipped.append(why)

    def lines(self) -> list[str]:
        """Markdown. Empty where nothing was measured."""
        if not self._rows and not self._skipped:
            return []
        head = ("measured", "ours", "beside", "its", "ours is")
        cells = [head, *(row.cells() for row in self._rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
        lines = [_line(row, widths) for row in cells]
        return [lines[0], _line(["-" * width for width in widths], widths), *lines[1:], *(f"skipped: {why}" for why in self._skipped)]


def taking_turns(contenders: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each contender returned in each round. A first round, which warms up caches, is not counted."""
    results: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name in random.sample(list(contenders), len(contenders)):
            value = contenders[name]()
            if number:
                results[name].append(value)
    return results


def milliseconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _shown(values: Values) -> str:
    median, least, most = (_number(value) for value in (statistics.median(values), min(values), max(values)))
    return f"{median} ({least} to {most})"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= _LARGE else f"{value:.1f}" if value >= _MIDDLE else f"{value:.2f}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

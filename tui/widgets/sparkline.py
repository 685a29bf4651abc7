"""A series as one line of bars. Pure, and cheaper than a widget that draws: it changes every few seconds."""

from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def bucketed(values: Sequence[float], columns: int) -> list[float]:
    """The series in at most so many columns, each the sum of what falls into it."""
    columns = max(columns, 1)
    if len(values) <= columns:
        return list(values)
    sums = [0.0] * columns
    for place, value in enumerate(values):
        sums[place * columns // len(values)] += value
    return sums


def spark(values: Sequence[float], columns: int) -> str:
    """Bars from nothing to the largest; a space where there is nothing, so that little is told from none."""
    shown = bucketed([max(value, 0.0) for value in values], columns)
    most = max(shown, default=0.0)
    if not most:
        return " " * len(shown)
    return "".join(" " if not value else BARS[min(int(value / most * len(BARS)), len(BARS) - 1)] for value in shown)

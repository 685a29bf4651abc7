"""The fault matrix: a line for each run of a scenario, kept with its test's report, and what is printed of all of them at the end."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tests.faults.grounds import H

_PROPERTY = "fault"


def note(
    node: pytest.Item, scenario: str, name: str, *, took: float | None = None, bound: float | None = None, held: bool = True, seed: int = 1,
    items: int = 1, remark: str = "",
) -> None:  # fmt: skip
    """Adds a line.

    Args:
        took: seconds until it had recovered, where that was measured.
        bound: in heartbeats, None where there is none.
    """
    measured = None if took is None else round(took / H, 2)
    line = {
        "id": scenario, "name": name, "seed": seed, "bound": bound, "measured": measured, "held": held, "items": items, "remark": remark,
    }  # fmt: skip
    node.user_properties.append((_PROPERTY, json.dumps(line)))


class Matrix:
    """For tests that are no trials."""

    def __init__(self, node: pytest.Item) -> None:
        self._node = node
        self._lines: list[dict[str, Any]] = []

    def held(
        self, scenario: str, name: str, took: float | None = None, *, bound: float | None = None, remark: str = "", items: int = 1
    ) -> None:
        """A line, as `note` has it, that holds if the whole test does; more than the bound fails."""
        self._lines.append({"scenario": scenario, "name": name, "took": took, "bound": bound, "remark": remark, "items": items})
        assert took is None or bound is None or took <= bound * H, f"{scenario} took {took} s, its bound is {bound} H"

    def write(self, *, held: bool) -> None:
        for line in self._lines:
            note(self._node, **line, held=held)


def lines_of(reports: Iterable[Any]) -> list[dict[str, Any]]:
    return [json.loads(value) for report in reports for name, value in getattr(report, "user_properties", ()) if name == _PROPERTY]


def printed(found: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each scenario with its worst figure."""
    yield f"{'id':<5} {'bound':>6} {'worst':>7}  {'held':<8} scenario"
    for key in sorted({(line["id"], line["name"]) for line in found}):
        runs = [line for line in found if (line["id"], line["name"]) == key]
        figures = [line["measured"] for line in runs if line["measured"] is not None]
        worst = f"{max(figures):.2f} H" if figures else "-"
        bound = "-" if runs[0]["bound"] is None else f"{runs[0]['bound']:g} H"
        held = f"{sum(line['held'] for line in runs)} of {len(runs)}"
        remarks = "; ".join(sorted({line["remark"] for line in runs if line["remark"]}))
        yield f"{key[0]:<5} {bound:>6} {worst:>7}  {held:<8} {key[1]}{f' ({remarks})' if remarks else ''}"

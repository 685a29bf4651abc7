"""What finished items taught: all of it, or what is most like a text."""

from collections.abc import Mapping, Sequence
from typing import Any

from factory.protocol.commands import Query
from tui.columns import Cell, Column, said
from tui.query import matches
from tui.screens.listing import ListScreen
from tui.screens.reading import Reading
from tui.tables import repo_name
from tui.world import Seen

Learning = Mapping[str, Any]

_LIMIT = 200
_SETTLED_SECONDS = 0.6
"""A text that is still being typed is not searched for: each search costs the factory an embedding."""


def _fields(row: Learning) -> Mapping[str, str]:
    told = {"title": row.get("content"), "repo": row.get("repo"), "item": row.get("item"), "id": row.get("id")}
    return {name: str(value or "") for name, value in told.items()} | {"state": "active" if row.get("active", True) else "inactive"}


def _like(row: Learning) -> Cell:
    near = row.get("similarity")
    return Cell("" if near is None else f"{100 * float(near):.0f}%", "good")


COLUMNS: tuple[Column[Learning], ...] = (
    Column("LIKE", 4, lambda row, _: _like(row), right=True, order=lambda row, _: row.get("similarity")),
    Column("USED", 4, lambda row, _: Cell(str(row.get("use_count") or 0)), least=60, right=True),
    Column("ITEM", 10, lambda row, _: said(row.get("item"), "dim"), least=70),
    Column("REPO", 14, lambda row, _: said(repo_name(row.get("repo"))), least=90),
    Column("STATE", 8, lambda row, _: Cell("active", "good") if row.get("active", True) else Cell("inactive", "dim"), least=110),
    Column("LEARNING", 0, lambda row, _: said(row.get("content"))),
)


class LearningsScreen(ListScreen[Learning]):
    """What is typed after `/` is looked for by its meaning where the learner answers, and by its letters until it does."""

    what = "learnings"
    empty = "None yet. Agents write them into .ai/new-learnings.md; they count once their pull request is there."
    hints = (("enter", "all of it"), ("d", "its item"), ("/", "search"), ("s", "sort"), ("c", "copy"), ("?", "help"))

    def __init__(self) -> None:
        super().__init__()
        self._typed_at = 0.0
        self._note = ""

    def columns(self) -> Sequence[Column[Learning]]:
        return COLUMNS

    def rows(self) -> Sequence[tuple[str, Learning]]:
        text = self.query_text.strip()
        found = self._found(text) if text and self.context.clock() - self._typed_at >= _SETTLED_SECONDS else None
        if found is not None:
            return [(str(row["id"]), row) for row in found]
        view = self.context.want(Query("learnings", limit=_LIMIT))
        rows = (view.data.get("learnings") or ()) if view else ()
        return [(str(row["id"]), row) for row in rows if matches(self.filter, _fields(row))]

    def refresh_ages(self) -> None:
        # A second later the text may have settled.
        self.refresh_rows()

    def _found(self, text: str) -> Sequence[Learning] | None:
        query = Query("learnings", text=text, limit=_LIMIT)
        view = self.context.views.get(query)
        if view is None and not self.context.why_not(query):
            view = self.context.want(query)
        return view.data.get("learnings") or () if view else None

    def filtered(self, text: str) -> bool:
        self._typed_at = self.context.clock()
        return super().filtered(text)

    def item_of(self, row: Learning) -> Seen | None:
        item = str(row.get("item") or "")
        return self.context.world.items.get(item) or (Seen({"id": item}, self.context.clock()) if item else None)

    def needs(self, row: Learning) -> bool:
        del row
        return False

    def open_row(self, row: Learning) -> None:
        _ = self.app.push_screen(Reading(f"learning {row.get('id')} of {row.get('item')}", row, plain=self.context.plain))

    def copied(self) -> str:
        row = self.table.cursor_row
        return str(row.get("content") or "") if row else ""

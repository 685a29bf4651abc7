"""A work item, opened from wherever it stands."""

from collections.abc import Sequence

from factory.protocol.commands import Query
from tui.columns import Cell, said
from tui.screens.detail import DetailScreen
from tui.tables import Queue, repo_name


class ItemScreen(DetailScreen):
    what = "item"

    @property
    def item(self) -> str:
        if self.subject in self.context.world.items:
            return self.subject
        # The beginning of an id was typed: the factory knows the whole.
        view = self.context.views.get(Query("item", self.subject))
        return str((view.data.get("item") or {}).get("id") or self.subject) if view else self.subject

    def title_parts(self) -> Sequence[Cell]:
        seen = self.seen_item()
        if seen is None:
            _ = self.context.want(Query("item", self.subject))
            return [said(f"item {self.subject}"), said(self.context.why_not(Query("item", self.subject)), "warn")]
        row, now = seen.row, self.context.clock()
        queue = Queue(self.context.world, self.context.wall)
        state_cell = self.state_cell(queue.state(seen, now), seen.age("age", now))
        return [said(row.get("id"), "head"), state_cell, said(row.get("title")), said(repo_name(row.get("repo")), "dim")]

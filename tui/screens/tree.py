"""The supervision tree: every process of the factory, how it is, and how its last one ended."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.columns import Cell, Column
from tui.process_plans import restart
from tui.query import matches
from tui.screens.paned import PanedScreen
from tui.tables_tree import Branch, Tree, branches, told
from tui.world import Seen

_WELL = frozenset({"running", "planned", "starting", "stopping"})


class TreeScreen(PanedScreen[Branch]):
    what = "tree"
    empty = "No processes are known yet: the factory tells of them when it has started."
    hints = (("enter", "last end"), ("^k", "restart"), ("/", "filter"), ("!", "troubled"), ("s", "sort"), ("?", "help"))
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+k", "restart", "Restart the process", show=False, id="tree.restart")]

    _tree: Tree

    def columns(self) -> Sequence[Column[Branch]]:
        self._tree = Tree(plain=self.context.plain)
        return self._tree.columns

    def rows(self) -> Sequence[tuple[str, Branch]]:
        query = self.filter
        return [(key, branch) for key, branch in branches(self.context.world) if matches(query, self._tree.fields(branch))]

    def item_of(self, row: Branch) -> Seen | None:
        return row.item

    def needs(self, row: Branch) -> bool:
        return row.seen is not None and str(row.seen.row.get("state")) not in _WELL

    def copied(self) -> str:
        return "\n".join(branch.name for branch in self.table.chosen())

    def told(self, row: Branch | None) -> Sequence[Cell]:
        return told(row)

    def action_restart(self) -> None:
        """The process that was under the cursor when the key was pressed."""
        branch = self.table.cursor_row
        if branch is not None and branch.seen is not None:
            _ = self.tui.carry_out(restart(branch.seen.row, self.context.operator))

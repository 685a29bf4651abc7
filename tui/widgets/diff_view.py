"""The diff of a result, from its first line on: it is read, not followed."""

from tui.patch import Patch
from tui.widgets.log_view import LogView


class DiffView(LogView):
    """Shows a patch at the width that there is."""

    def __init__(self, *, plain: bool = False, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(plain=plain, id=id)
        self.patch = Patch()

    def rebuild(self) -> None:
        """After a page came, or the width changed."""
        self.show(self.patch.lines(max(self.size.width - 1, 1)))

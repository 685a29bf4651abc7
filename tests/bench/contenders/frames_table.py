"""The dashboard's own table in an app of nothing else. `frames_table COUNT FRAMES RESULT`."""

import sys
import time
from pathlib import Path

from textual.app import App, ComposeResult

from tests.bench.contenders.windows import FRAMES_PER_SECOND, Frames
from tui.states import patience
from tui.tables import Workers
from tui.widgets.frame_table import FrameTable
from tui.world import Seen


class FramesApp(App[None]):
    """One table, painted in each frame."""

    def __init__(self, frames: Frames) -> None:
        super().__init__()
        self._frames = frames

    def compose(self) -> ComposeResult:
        yield FrameTable(Workers(self._frames.world, patience(1e6)).columns, time.monotonic)

    def on_mount(self) -> None:
        self._table: FrameTable[Seen] = self.query_one(FrameTable)
        self.set_interval(1 / FRAMES_PER_SECOND, self._frame)

    def _frame(self) -> None:
        if self._frames.step():
            self._table.show(self._frames.world.workers)
        else:
            self.exit()


if __name__ == "__main__":
    FramesApp(Frames(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))).run()

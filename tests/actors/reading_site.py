"""A view that reads in real threads of the background."""

from typing import Any

from actors.background import Background
from tests.fakes.clock import ManualClock
from tests.waiting import eventually


class ReadingSite:
    """With all around it. `view`: what is tested, which takes what was read."""

    view: Any

    def __init__(self) -> None:
        self.background, self.clock = Background(4), ManualClock()

    def reads(self) -> None:
        """All that was begun is read."""
        while self.background._pending:
            for key, result in eventually(self.background.drain, 20):
                self.view.read(key, result)

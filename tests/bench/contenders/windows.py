"""Ten thousand rows of which each changes in each frame, at thirty frames a second: the model that is the same for all who draw it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tui.world import Row, Seen, World

FRAMES_PER_SECOND = 30.0
_GENERATIONS = 4
_WARM_FRAMES = 15


def rows(count: int, generation: int) -> dict[str, Row]:
    """Workers by id, each with other values than in the generation before."""
    return {
        f"w{number:05}": {
            "id": f"w{number:05}", "item": f"t{number:05}", "status": "busy", "phase": f"step {generation}",
            "iteration": number % 7 + generation, "tokens": number * 1_000 + generation, "isolation": "unconfined", "host": "local",
            "age": 60.0 + generation, "beat_age": 0.1 * generation, "progress_age": 3.0 + generation,
        }
        for number in range(count)
    }  # fmt: skip


@dataclass
class Frames:
    """Changes all rows of a world, and counts what the frames cost.

    Args:
        count: rows.
        most: frames, of which the first are not counted.
        result: gets the milliseconds of CPU time of one frame, of this whole process.
    """

    count: int
    most: int
    result: Path
    world: World = field(default_factory=World)
    number: int = 0

    def __post_init__(self) -> None:
        self._next = self._turns()

    def _turns(self) -> Iterator[dict[str, Seen]]:
        made = [{key: Seen(row, 0.0) for key, row in rows(self.count, one).items()} for one in range(_GENERATIONS)]
        while True:
            yield from made

    def step(self) -> bool:
        """The next state of all rows; False where it was the last."""
        if self.number == _WARM_FRAMES:
            self._began = time.process_time()
        if self.number == self.most:
            cost = (time.process_time() - self._began) * 1000 / (self.most - _WARM_FRAMES)
            self.result.write_text(f"{cost}")
            return False
        self.number += 1
        self.world.workers.update(next(self._next))
        first = self.world.workers["w00000"]
        # Seen on the screen, so that who measures can count the frames that came through.
        self.world.workers["w00000"] = Seen({**first.row, "phase": f"#{self.number:05}"}, first.at)
        return True

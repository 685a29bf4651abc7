"""The same rows by a plain curses loop, which formats and draws what is in its window. `frames_curses COUNT FRAMES RESULT`."""

import curses
import itertools
import sys
import time
from pathlib import Path

from tests.bench.contenders.windows import FRAMES_PER_SECOND, Frames
from tui.world import Row


def _line(row: Row) -> str:
    return (
        f" {row['id']:13} {'* running':11} {row['phase']:12} {row['beat_age']:4.1f}s {row['progress_age']:7.1f}s {row['iteration']:4}"
        f" {row['age']:3.0f}s {row['tokens'] // 1000:5}k {row['isolation']:10} {row['host']:10} {'':12} "
    )


def _loop(screen: curses.window, frames: Frames) -> None:
    curses.curs_set(0)
    height, width = screen.getmaxyx()
    due = time.monotonic()
    while frames.step():
        for y, seen in enumerate(itertools.islice(frames.world.workers.values(), height - 1), 1):
            screen.addnstr(y, 0, _line(seen.row), width - 1)
        screen.refresh()
        due += 1 / FRAMES_PER_SECOND
        # Curses' own frame clock: a key, or the time of the next frame.
        screen.timeout(max(round((due - time.monotonic()) * 1000), 0))
        screen.getch()


if __name__ == "__main__":
    curses.wrapper(_loop, Frames(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))

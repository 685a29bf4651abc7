"""A plain curses loop on a growing text: `tail_curses LINES_PER_SECOND`. Ten times a second it draws the last lines that there are."""

import curses
import sys
import time

from tests.bench.contenders.feed import log_line

_DRAWS_PER_SECOND = 10


def _loop(screen: curses.window, rate: int) -> None:
    height, width = screen.getmaxyx()
    began = due = time.monotonic()
    while True:
        end = int((time.monotonic() - began) * rate)
        for y, number in enumerate(range(max(end - height, 0), end)):
            screen.addnstr(y, 0, log_line(number).rstrip("\n"), width - 1)
        screen.refresh()
        due += 1 / _DRAWS_PER_SECOND
        # Curses' own frame clock: a key, or the time of the next frame.
        screen.timeout(max(round((due - time.monotonic()) * 1000), 0))
        screen.getch()


if __name__ == "__main__":
    curses.wrapper(_loop, int(sys.argv[1]))

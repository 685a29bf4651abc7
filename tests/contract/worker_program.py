"""What workers of the suite run: its arguments are steps, each with its own arguments.

Handed over as text by `python -c`, so that a confined worker needs to read nothing of the tests.
"""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

_OUT = Path("out")


def run(words: Iterator[str]) -> None:
    for step in words:
        _STEPS[step](words)


def _write(words: Iterator[str]) -> None:
    (_OUT / next(words)).write_text(next(words), "utf-8")


def _count(words: Iterator[str]) -> None:
    with (_OUT / next(words)).open("a", encoding="utf-8") as file:
        file.write("+")


def _copy(words: Iterator[str]) -> None:
    name = next(words)
    (_OUT / name).write_bytes((Path("in") / name).read_bytes())


def _link(words: Iterator[str]) -> None:
    (_OUT / next(words)).symlink_to(next(words))


def _pipe(words: Iterator[str]) -> None:
    os.mkfifo(_OUT / next(words))


def _folder(words: Iterator[str]) -> None:
    (_OUT / next(words)).mkdir()


def _environment(words: Iterator[str]) -> None:
    (_OUT / next(words)).write_text("\n".join(f"{name}={value}" for name, value in os.environ.items()), "utf-8")


def _ignore_term(words: Iterator[str]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _wait(words: Iterator[str]) -> None:
    # Said when everything before it is done: the suite must not be early.
    (_OUT / "ready").touch()
    while True:
        signal.pause()


def _exit(words: Iterator[str]) -> None:
    sys.exit(int(next(words)))


def _kill_itself(words: Iterator[str]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


_STEPS = {
    "write": _write,
    "count": _count,
    "copy": _copy,
    "link": _link,
    "pipe": _pipe,
    "folder": _folder,
    "environment": _environment,
    "ignore-term": _ignore_term,
    "wait": _wait,
    "exit": _exit,
    "kill-itself": _kill_itself,
}

if __name__ == "__main__":
    run(iter(sys.argv[1:]))

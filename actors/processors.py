"""Keeps a dying process and its replacement on different processors.

To take a process apart is some milliseconds of work in the kernel, which many kernels interrupt for nobody. Who is woken on the same
processor waits for that, even where another one is idle: the kernel looks for a better place too seldom for a restart. So who
replaces it begins on the processor of the root, which has just woken it and is about to wait, and the dying one leaves that.
"""

import ctypes
import os
import sys
from collections.abc import Collection
from contextlib import suppress
from typing import Any

# Asked for once: it takes longer than all the rest here.
_LIBC: Any = ctypes.CDLL(None) if sys.platform == "linux" else None


def current() -> int | None:
    """The processor that this runs on; None where nobody can say, or there is only one."""
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) == 1:
        return None
    try:
        return int(_LIBC.sched_getcpu())
    except AttributeError:
        return None


def leave_to(here: int | None, pid: int) -> None:
    """Moves a dying process off this processor, unless that is None, to the others on which this one may run."""
    if here is not None:
        _allow(_tasks(pid), os.sched_getaffinity(0) - {here})


def begin_on(here: int | None, pid: int) -> None:
    """Lets a process that waits wake on this processor, unless that is None. The threads that it begins stay there, too."""
    if here is not None:
        _allow(_tasks(pid), {here})


def go_anywhere(pid: int) -> None:
    """Lets a process run wherever this one may."""
    if sys.platform != "linux":
        return
    seen: set[str] = set()
    # Again, since a thread may have been begun by one that was yet to be told.
    while tasks := _tasks(pid) - seen:
        _allow(tasks, os.sched_getaffinity(0))
        seen |= tasks


def _tasks(pid: int) -> set[str]:
    try:
        return set(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208 - the names
    except OSError:
        # It is gone, or hidden.
        return set()


def _allow(tasks: Collection[str], processors: Collection[int]) -> None:
    for task in tasks:
        with suppress(OSError):
            os.sched_setaffinity(int(task), processors)

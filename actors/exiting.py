"""Whether a process is past its last instruction, while the kernel still takes it apart.

A killed process of some forty megabytes needs three milliseconds for giving back its memory, and closes its pipes only then. Long before
that none of its threads can do anything any more: each has the mark of those that are on their way out, which the kernel sets before
it touches memory and files, and never takes back. What it had begun is done by then, and no thread can be added.
"""

import os
import sys

_EXITING = 0x4
"""PF_EXITING of the kernel's sched.h, the same since its beginnings."""

# Places after the closing bracket of the name in /proc/<pid>/stat, see proc(5).
_FLAGS, _THREADS, _CODE = 6, 17, 49
_MOST_BYTES = 1024


def wait_status(pid: int, *, over: bool = False) -> int | None:
    """How a process has ended that is past its last instruction, as `os.waitpid` will say it.

    None where it is not, where nobody can tell, and of one that ended with exit code 0: that is also said of one that may not be looked at.

    Args:
        over: its lifeline is closed. Then what threads are left can do nothing but leave, which the first one must have begun.
    """
    if sys.platform != "linux":
        return None
    try:
        whole = _stat(f"/proc/{pid}/stat")
        # Counted before they are listed: a thread that goes meanwhile can hide another one from the list.
        threads, status = int(whole[_THREADS]), int(whole[_CODE])
        tasks = [str(pid)] if over else _tasks(pid)
        exiting = [_is_exiting(f"/proc/{pid}/task/{task}/stat") for task in tasks]
    except (OSError, ValueError, IndexError):
        return None
    return status or None if all(exiting) and (over or len(exiting) >= threads) else None


def _tasks(pid: int) -> list[str]:
    return os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - the names


def _is_exiting(path: str) -> bool:
    return bool(int(_stat(path)[_FLAGS]) & _EXITING)


def _stat(path: str) -> list[bytes]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        said = os.read(descriptor, _MOST_BYTES)
    finally:
        os.close(descriptor)
    return said[said.rindex(b")") + 2 :].split()

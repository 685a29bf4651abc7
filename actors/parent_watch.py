"""The thread that ends this process when the one that made it does, and whose own end is the first that is seen of this one's death.

A killed process gives back its memory before its lifeline closes: milliseconds, in which the root can get a replacement ready. The last
of its threads to go does that work. This thread goes among the first, and has a table of descriptors of its own: what only that holds is
closed at once. Such a *notice* is good for preparations and no more. That the process can do nothing any more is what `exiting` finds
out, that it is gone what the lifeline says.
"""

import ctypes
import multiprocessing
import os
import queue
import select
import signal
import sys
import threading
from itertools import pairwise
from multiprocessing.connection import Connection

from factory.domain.supervision import EXIT_PARENT_GONE

_NAME = "parent-watch"
_CLONE_FILES = 0x400
_MOST_DESCRIPTORS = 65536

# Without a table of the thread's own the notice has to last as long as the process.
_kept: list[Connection] = []


def leave_with_parent(notice: Connection | None = None) -> None:
    """Starts the thread, before all others. A second call changes nothing.

    Args:
        notice: the writing end of a pipe that nobody writes to. Open until this process dies, unless it is given in a second call.
    """
    parent = multiprocessing.parent_process()
    if parent is None or any(thread.name == _NAME for thread in threading.enumerate()):
        return
    kept = None if notice is None else notice.fileno()
    own: queue.SimpleQueue[bool] = queue.SimpleQueue()
    threading.Thread(target=_watch, args=(parent.sentinel, kept, own), name=_NAME, daemon=True).start()
    is_own = own.get()
    if notice is not None and is_own:
        notice.close()
    elif notice is not None:
        os.set_inheritable(notice.fileno(), False)  # noqa: FBT003 - takes it by position only
        _kept.append(notice)


def _watch(sentinel: int, kept: int | None, own: "queue.SimpleQueue[bool]") -> None:
    # A signal's handler writes to a descriptor that this thread does not have.
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    gone = select.poll()
    gone.register(sentinel, select.POLLIN)
    own.put(kept is not None and _has_own_descriptors(sentinel, kept))
    # Without a bound, so that nothing is made here any more: garbage collected in this thread would be closed in the wrong table.
    gone.poll()
    # Nothing else, not even a log line: its lock may be held by a thread that writes to a terminal nobody reads.
    os._exit(EXIT_PARENT_GONE)


def _has_own_descriptors(*needed: int) -> bool:
    """Gives this thread a table with these descriptors alone; False where the system does not do that."""
    kept = sorted(needed)
    # Made beforehand: see `_watch` about garbage.
    others = [(low + 1, high) for low, high in pairwise((-1, *kept, _MOST_DESCRIPTORS))]
    if not _is_unshared():
        return False
    for low, high in others:
        os.closerange(low, high)
    return True


def _is_unshared() -> bool:
    if sys.platform != "linux":
        return False
    try:
        return bool(ctypes.CDLL(None).unshare(_CLONE_FILES) == 0)
    except (OSError, AttributeError):
        # Linked statically, or a libc without it. Who waits for this thread's word would wait for ever.
        return False

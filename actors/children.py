"""The processes of the tree: makes them, listens to their lifelines, ends them. What follows from an end is decided elsewhere.

notice of a death ──► past its last instruction: ended, its replacement begins; collected when the fork server has its exit code
                 └──► not yet, or not one that yields: a spare prepares; ended when the lifeline closes
"""

import math
import signal
from collections.abc import Callable
from functools import partial

import structlog

from actors.afterwards import Afterwards
from actors.launcher import Child, Launcher, Leaving, Notice
from actors.node import Node, State, described
from actors.process import ProcessOrder
from factory.domain.supervision import ChildSpec, Ending, ending_of
from factory.domain.supervision_decide import Exit
from factory.ports import Clock
from factory.transport.loop import Loop

KILL_SECONDS = 5.0
"""After SIGKILL. A process that is still there hangs in the kernel; waiting for it would hang the factory as well."""

LOOK_SECONDS, LOOKS = 0.001, 10
"""Between two looks at a process of whose death there is notice, and how many. After that, on a very busy machine, its lifeline tells."""

log = structlog.get_logger(__name__)

Orders = Callable[[ChildSpec, bytes], ProcessOrder]


class Children:
    """All children's processes.

    Args:
        loop: gets each process's lifeline.
        orders: makes the order for a process from the child's spec and argument.
        on_end: told of each end, after the node's process has become None. It must not launch, only set the node's state.
    """

    def __init__(self, loop: Loop, launcher: Launcher, clock: Clock, orders: Orders, on_end: Callable[[Node, Exit], None]) -> None:
        self._loop, self._launcher, self._clock = loop, launcher, clock
        self._orders, self._on_end = orders, on_end
        self._nodes: dict[Child, Node] = {}
        self._notices: dict[Child, Notice] = {}
        # Of whose death there is notice, with the number of looks that are left.
        self._dying: dict[Child, int] = {}
        self._afterwards = Afterwards(clock, self._refill)

    def launch(self, node: Node) -> None:
        """Makes the node's process. A failure of that is an end like any other."""
        node.killed, node.hung, node.last_words, node.inbox, node.dropped = False, 0.0, "", None, 0
        node.launches += 1
        try:
            process = self._launcher.start(self._orders(node.spec, node.argument))
        except (OSError, EOFError) as error:
            self._ended(node, Exit(Ending.START_FAILED, 0.0, f"its process could not be made: {error!r}"))
            return
        # From here on, since a fork server may have to be made first, which is not this child's fault.
        now = self._clock.monotonic()
        node.enter(State.STARTING, now, now + node.spec.start_timeout)
        node.process = process
        self._nodes[process] = node
        self._loop.add(process)
        if process.notice is not None:
            notice = self._notices[process] = Notice(process, process.notice)
            self._loop.add(notice)
        tell = log.warning if node.launches > 1 else log.debug
        self._afterwards.tell(
            partial(tell, "child.started", child=node.spec.name, pid=process.pid, launches=node.launches, reason=node.reason)
        )

    def hear(self, process: Child) -> None:
        """Reads what a process has said. One that was given up meanwhile says nothing any more."""
        node = self._nodes.get(process)
        if node is None:
            return
        news = process.read()
        node.last_words = news.reason or node.last_words
        if news.ready and node.state is State.STARTING:
            self._arrived(node)
        if news.gone:
            # Its lifeline may be closed before its memory is given back, by a thread that none of the others waits for.
            process.make_room()
            if not self._ends_ahead(node, process, over=True):
                self._bury(node, process, self._collected(process))

    def collect(self, leaving: Leaving) -> None:
        """The kernel has taken a process apart whose end was dealt with before."""
        self._loop.remove(leaving)
        leaving.child.collect()

    def expect_end(self, process: Child) -> None:
        """A process is about to be gone. Where it dies unasked it is mostly started again at once: that is prepared meanwhile."""
        node = self._nodes.get(process)
        self._expect_no_more(process)
        if node is None or node.state is not State.RUNNING:
            return
        if process.yields:
            process.make_room()
            self._dying[process] = LOOKS
            self._look(process)
        if process in self._nodes:
            self._launcher.offer(node.spec.kind or node.spec.name, lambda: self._orders(node.spec, node.argument))

    def due(self) -> float:
        """When `go_on` has something to do, in monotonic seconds."""
        looks = self._clock.monotonic() + LOOK_SECONDS if self._dying else math.inf
        return min(looks, self._afterwards.due())

    def go_on(self) -> None:
        """What nothing that becomes readable calls for. To be called at each turn of the loop, after what is readable was read."""
        for process in list(self._dying):
            self._look(process)
        self._afterwards.go_on()

    def _look(self, process: Child) -> None:
        self._dying[process] -= 1
        if not self._ends_ahead(self._nodes[process], process) and not self._dying[process]:
            del self._dying[process]

    def _ends_ahead(self, node: Node, process: Child, *, over: bool = False) -> bool:
        """Whether the end of a process could be dealt with while the kernel still takes it apart."""
        code = process.code_ahead(over=over)
        if code is None:
            return False
        node.last_words = process.read().reason or node.last_words
        self._expect_no_more(process)
        self._loop.remove(process)
        self._loop.add(Leaving(process))
        self._bury(node, process, code)
        return True

    def _expect_no_more(self, process: Child) -> None:
        notice = self._notices.pop(process, None)
        if notice is not None:
            self._loop.remove(notice)

    def overdue(self, node: Node) -> None:
        """The due time of a node with a process is over: kills it, and a second time gives it up."""
        process = node.process
        if process is None:
            return
        if node.state is State.STARTING and not node.killed:
            node.last_words = f"it was not ready within {node.spec.start_timeout:g} s"
        if not node.killed:
            self.kill(node)
            return
        log.critical("child.cannot_be_killed", child=node.spec.name, pid=process.pid)
        node.last_words = "it cannot be killed"
        self._bury(node, process, self._collected(process))

    def ask_to_stop(self, node: Node) -> None:
        """Sends SIGTERM, and SIGKILL when its time to shut down is over, or at once where it has none."""
        if node.process is None:
            return
        now = self._clock.monotonic()
        if node.spec.shutdown is None:
            node.enter(State.STOPPING, now)
            self.kill(node)
            return
        node.enter(State.STOPPING, now, now + node.spec.shutdown)
        node.process.send(signal.SIGTERM)

    def kill(self, node: Node, reason: str = "", hung: float = 0.0) -> None:
        """Sends SIGKILL; `reason` is a sentence where more is to be said than that, `hung` the seconds for which it showed no life."""
        if node.process is not None:
            node.killed, node.hung, node.last_words = True, hung, reason or node.last_words
            node.due = self._clock.monotonic() + KILL_SECONDS
            node.process.send(signal.SIGKILL)

    def kill_all(self) -> None:
        """For the case that the supervisor itself failed; nobody waits for them any more."""
        self._afterwards.tell_all()
        for process in self._nodes:
            process.send(signal.SIGKILL)

    def _arrived(self, node: Node) -> None:
        now = self._clock.monotonic()
        if node.process is not None:
            self._afterwards.tell(node.process.go_anywhere)
        self._afterwards.tell(partial(log.info, "child.ready", child=node.spec.name, seconds=round(now - node.since, 4)))
        node.arrived = True
        node.enter(State.RUNNING, now)
        # In the place of the spare that it may have been.
        self._afterwards.refill()

    def _refill(self) -> None:
        # A start that is under way comes first, and wishes for the same when it is over.
        if not any(node.state is State.STARTING for node in self._nodes.values()):
            self._launcher.refill()

    def _bury(self, node: Node, process: Child, code: int | None) -> None:
        self._afterwards.tell_all()
        del self._nodes[process]
        self._dying.pop(process, None)
        lived = node.lived(self._clock.monotonic())
        self._ended(node, Exit(ending_of(code), lived, node.last_words or described(code), node.hung))

    def _collected(self, process: Child) -> int | None:
        # Before the descriptors are closed: their numbers may be those of the replacement.
        self._expect_no_more(process)
        self._loop.remove(process)
        return process.collect()

    def _ended(self, node: Node, end: Exit) -> None:
        node.process = None
        self._on_end(node, end)

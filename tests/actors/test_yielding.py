"""Who yields has ended with its last instruction; everybody else when its lifeline closes. Either is collected once it is gone."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from actors.children import Children
from actors.launcher import Child, Launcher, Leaving, Notice
from actors.node import Node, State
from actors.process import ProcessOrder
from factory.clock import SystemClock
from factory.domain.supervision import ChildSpec, Ending, Level
from factory.domain.supervision_decide import Exit
from factory.transport.loop import Loop
from tests.actors.sample import run_actor
from tests.databases import short_folder
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody says it before the lifeline does")

SECONDS = 30.0


class Kept(Launcher):
    """Keeps a second writing end of each lifeline, as if the kernel took for ever to close the first."""

    def __init__(self, yielding: set[str]) -> None:
        super().__init__(run_actor, ("tests.actors.sample", "actors.preload"), spared={"plain"}, yielding=yielding)
        self.kept: list[Connection] = []
        pipe = self._server.pipe

        def kept_pipe() -> tuple[Connection, Connection]:
            reading, writing = pipe()
            if not self.kept:
                self.kept.append(Connection(os.dup(writing.fileno()), readable=False))
            return reading, writing

        self._server.pipe = kept_pipe  # type: ignore[method-assign]


class Site:
    """A root's loop around one child that is killed, and stays to be looked at until `lets_go`."""

    def __init__(self, run_dir: Path, yielding: set[str]) -> None:
        self.launcher, self.ends = Kept(yielding), list[Exit]()
        self.node = Node(ChildSpec("a", Level.CORE, kind="plain"))
        self._loop = Loop()
        order = ProcessOrder("a", "plain", run_dir, str(run_dir / "diary"))
        self.children = Children(self._loop, self.launcher, SystemClock(), lambda _spec, _given: order, self._ended)
        self.children.launch(self.node)
        eventually(lambda: self.turn() or self.node.state is State.RUNNING, SECONDS)
        self.pid = self.node.process.pid if self.node.process else 0
        # It would collect the dead at once, which takes longer than a look only where the machine is quiet.
        self._server = psutil.Process(psutil.Process(self.pid).ppid())
        self._server.suspend()
        os.kill(self.pid, signal.SIGKILL)

    def lets_go(self) -> None:
        self._server.resume()

    def close(self) -> None:
        self.lets_go()
        self.closes_lifeline()
        self.children.kill_all()
        self.launcher.stop()

    def turn(self, *, heeds_notices: bool = True) -> bool:
        """Once round; False, so that it can be waited beside."""
        for source in self._loop.wait(0.01):
            if isinstance(source, Notice) and heeds_notices:
                self.children.expect_end(source.child)
            elif isinstance(source, Leaving):
                self.children.collect(source)
            elif isinstance(source, Child):
                self.children.hear(source)
        self.children.go_on()
        return False

    def _ended(self, _node: Node, end: Exit) -> None:
        self.ends.append(end)

    def closes_lifeline(self) -> None:
        self.launcher.kept[0].close()

    def is_collected(self) -> bool:
        return not psutil.pid_exists(self.pid)


@contextmanager
def _killed(yielding: set[str]) -> Iterator[Site]:
    with short_folder() as run_dir, closing(Site(run_dir, yielding)) as site:
        yield site


def test_who_yields_has_ended_while_its_lifeline_is_still_open():
    with _killed({"plain"}) as site:
        eventually(lambda: site.turn() or site.ends, SECONDS)

        assert [end.ending for end in site.ends] == [Ending.KILLED]
        assert site.ends[0].reason == "killed by SIGKILL"
        assert site.node.process is None
        site.lets_go()
        site.closes_lifeline()
        eventually(lambda: site.turn() or site.is_collected(), SECONDS)
        assert len(site.ends) == 1


def test_of_who_yields_the_lifeline_is_enough_and_nobody_waits_for_the_fork_server():
    with _killed({"plain"}) as site:
        site.closes_lifeline()

        eventually(lambda: site.turn(heeds_notices=False) or site.ends, SECONDS)

        # Who had waited in vain would not know how it ended.
        assert [end.reason for end in site.ends] == ["killed by SIGKILL"]
        assert not site.is_collected()
        site.lets_go()
        eventually(lambda: site.turn() or site.is_collected(), SECONDS)
        assert len(site.ends) == 1


def test_who_does_not_yield_has_ended_when_its_lifeline_closes():
    with _killed(set()) as site:
        site.lets_go()
        # Its exit is known to the fork server, so nothing but the lifeline is missing.
        eventually(lambda: site.turn() or site.is_collected(), SECONDS)
        site.turn()
        assert site.ends == []

        site.closes_lifeline()
        eventually(lambda: site.turn() or site.ends, SECONDS)
        assert [end.ending for end in site.ends] == [Ending.KILLED]


def test_a_replacement_can_be_started_before_its_predecessor_is_collected():
    with _killed({"plain"}) as site:
        eventually(lambda: site.turn() or site.ends, SECONDS)
        site.lets_go()

        site.children.launch(site.node)

        eventually(lambda: site.turn() or site.node.state is State.RUNNING, SECONDS)
        assert site.node.process is not None
        site.closes_lifeline()
        eventually(lambda: site.turn() or site.is_collected(), SECONDS)
        assert site.node.state is State.RUNNING
        site.children.kill(site.node)
        eventually(lambda: site.turn() or len(site.ends) == 2, SECONDS)

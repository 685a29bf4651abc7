"""What follows from the end of a child, carried out: restarts alone or with siblings, giving up, escalation to the root.

A restart with siblings is a *regroup*: those that live are stopped in reverse order, one after the other; when none is left and the
distance is over, all are planned again and so started in order, as they were at first. Nothing here waits: a child of another level,
a wish to stop or a new death in the same level, which only widens the regroup, is heeded at any time.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

import structlog

from actors.children import Children
from actors.node import Node, State
from actors.stopping import OrderedStop
from factory.domain.supervision import Level, LevelPolicy, Restarts
from factory.domain.supervision_decide import (
    Escalate,
    Exit,
    GiveUp,
    History,
    LetGo,
    Restart,
    StopFactory,
    decide,
    escalate,
    restarted_with,
    stop_order,
)
from factory.ports import Clock

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Regroup:
    """`names` are started again, not before `due` (monotonic seconds) and not before `stop` is done."""

    names: frozenset[str]
    due: float
    stop: OrderedStop


class Restarter:
    """Decides nothing itself; `domain.supervision_decide` does.

    Args:
        nodes: all of the tree, in start order; what is let go for good is taken out.
        on_give_up: told why the factory cannot go on, one sentence.
        forget: takes away the address of a child that is not started again for now.
    """

    def __init__(
        self,
        nodes: dict[str, Node],
        children: Children,
        *,
        clock: Clock,
        policies: Mapping[Level, LevelPolicy],
        on_give_up: Callable[[str], None],
        forget: Callable[[Node], None],
    ) -> None:
        self._nodes, self._children, self._clock, self._policies = nodes, children, clock, policies
        self._on_give_up, self._forget = on_give_up, forget
        self._restarts: dict[Level, tuple[float, ...]] = {}
        self._escalations: dict[Level, tuple[float, ...]] = {}
        self._regroups: dict[Level, _Regroup] = {}

    # -- ends ---------------------------------------------------------------------------------------------------------

    def ended(self, node: Node, end: Exit) -> None:
        """A child's process is gone. Not for those that ended because the factory stops."""
        now = self._clock.monotonic()
        if node.held_by:
            self._forget(node)
            node.enter(State.HELD, now)
        elif self._is_regrouped(node):
            self._set_aside(node)
        elif node.again:
            node.enter(State.WAITING, now, now)
        else:
            self._unasked(node, end)
        node.again = False

    def _unasked(self, node: Node, end: Exit) -> None:
        now, level = self._clock.monotonic(), node.spec.level
        node.reason = end.reason
        history = History(node.strikes, self._restarts.get(level, ()))
        decision = decide(node.spec, end, history, now, self._policies[level])
        match decision:
            case Restart():
                self._restart(node, decision, now)
            case GiveUp():
                self._give_up(node, decision, now)
            case Escalate():
                self._escalate(node, decision, now)
            case LetGo():
                self._let_go(node, now)
            case _:
                assert_never(decision)

    def _restart(self, node: Node, decision: Restart, now: float) -> None:
        spec = node.spec
        if decision.after > 0:
            log.warning("child.restarts", child=spec.name, reason=node.reason, seconds=decision.after)
        self._restarts[spec.level] = decision.history.restarts
        node.strikes = decision.history.strikes
        names = restarted_with(self._policies[spec.level].strategy, self._siblings(spec.level), spec.name)
        if names == (spec.name,):
            node.enter(State.WAITING, now, now + decision.after)
        else:
            self._regroup(spec.level, names, now + decision.after)

    def _give_up(self, node: Node, decision: GiveUp, now: float) -> None:
        self._forget(node)
        node.strikes = ()
        log.error("child.given_up", child=node.spec.name, reason=decision.reason, retry_seconds=decision.retry_after)
        node.enter(State.GAVE_UP, now, now + decision.retry_after)

    def _escalate(self, node: Node, decision: Escalate, now: float) -> None:
        level = node.spec.level
        answer = escalate(self._policies[level], decision, self._escalations.get(level, ()), now)
        if isinstance(answer, StopFactory):
            self._forget(node)
            node.enter(State.STOPPED, now)
            self._on_give_up(answer.reason)
            return
        log.error("level.restarts", level=str(level), reason=decision.reason, seconds=answer.after)
        self._escalations[level] = answer.escalations
        # As a supervisor that was started anew: it knows nothing of what its children did before.
        self._restarts[level] = ()
        for name in self._siblings(level):
            self._nodes[name].strikes = ()
        self._regroup(level, self._siblings(level), now + answer.after)

    def _let_go(self, node: Node, now: float) -> None:
        log.info("child.ended", child=node.spec.name, reason=node.reason)
        node.enter(State.STOPPED, now)
        self._forget(node)
        if node.spec.level is Level.WORKERS:
            del self._nodes[node.spec.name]

    def _siblings(self, level: Level) -> tuple[str, ...]:
        return tuple(name for name, other in self._nodes.items() if other.spec.level is level)

    # -- with siblings ------------------------------------------------------------------------------------------------

    def _regroup(self, level: Level, names: tuple[str, ...], due: float) -> None:
        before = self._regroups.get(level)
        group = frozenset(names) | (before.names if before else frozenset())
        # What an operator stopped stays stopped, and what was given up alone has a time of its own.
        nodes = [node for name, node in self._nodes.items() if name in group and not node.held_by and node.state is not State.GAVE_UP]
        for node in nodes:
            if node.process is None:
                self._set_aside(node)
        order = stop_order((node.spec for node in nodes if node.process is not None), self._policies)
        stop = OrderedStop([[self._nodes[spec.name] for spec in batch] for batch in order], self._children)
        kept = frozenset(node.spec.name for node in nodes)
        self._regroups[level] = _Regroup(kept, max(due, before.due if before else due), stop)

    def _is_regrouped(self, node: Node) -> bool:
        regroup = self._regroups.get(node.spec.level)
        return regroup is not None and node.spec.name in regroup.names

    def _set_aside(self, node: Node) -> None:
        now = self._clock.monotonic()
        if node.spec.restart is Restarts.TEMPORARY:
            self._let_go(node, now)
        else:
            node.enter(State.WAITING, now)

    def go_on(self) -> None:
        """Whatever a regroup can do without waiting."""
        now = self._clock.monotonic()
        for level, regroup in list(self._regroups.items()):
            if not regroup.stop.done() or now < regroup.due:
                continue
            del self._regroups[level]
            for name in regroup.names & self._nodes.keys():
                node = self._nodes[name]
                if node.state is State.WAITING:
                    node.arrived = False
                    node.enter(State.PLANNED, now)

    def due(self) -> Iterator[float]:
        """Monotonic times at which `go_on` has something to do. None of those that wait for a process to end: that wakes by itself."""
        now = self._clock.monotonic()
        return (regroup.due for regroup in self._regroups.values() if regroup.due > now)

    def forget_regroups(self) -> None:
        """The factory stops: nothing is started any more."""
        self._regroups.clear()

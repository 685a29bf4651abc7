"""Stopping children in order: a batch is asked, and the next one only when nothing of it is left."""

from collections.abc import Iterable, Mapping
from typing import Literal

from actors.children import Children
from actors.node import Node, State
from factory.domain.supervision import Level, LevelPolicy
from factory.domain.supervision_decide import stop_order
from factory.ports import Clock
from factory.protocol.supervisor_mail import StopMode

TAKES_BACK = "queue"
"""Takes the work back that is under way when the factory stops: without it that work would look lost, and be a setback."""

DRAINED_BY = ("queue", "dispatcher", "delivery")
"""Without one of them a drain never ends: work is not finished, nobody says so, or its pull request is not made."""


class OrderedStop:
    """What is still to be stopped, a batch after the other.

    Args:
        batches: in the order of stopping. Those that are being stopped already are not asked again.
    """

    def __init__(self, batches: Iterable[Iterable[Node]], children: Children) -> None:
        self._batches = [list(batch) for batch in batches]
        self._children = children

    def done(self) -> bool:
        """Goes on as far as possible without waiting; True when no process is left."""
        while self._batches:
            for node in self._batches[0]:
                if node.process is not None and node.state is not State.STOPPING:
                    self._children.ask_to_stop(node)
            if any(node.process is not None for node in self._batches[0]):
                return False
            del self._batches[0]
        return True


class FactoryStop:
    """How the whole factory is stopped. A later word overrides an earlier one, but what has ended stays ended.

    Where an operator has stopped who takes work back, and there is some, it is started for the stop first. Rejected: leaving the
    workers to the next start, as a detach does. Who says stop wants them to stop.

    Args:
        nodes: all of the tree, in start order.

    Attributes:
        mode: the last word; empty while nobody wants a stop.
        begun: whether processes are being ended: from then on nothing is started. Draining is not that yet.
    """

    def __init__(self, nodes: Mapping[str, Node], children: Children, clock: Clock, policies: Mapping[Level, LevelPolicy]) -> None:
        self._nodes, self._children, self._clock, self._policies = nodes, children, clock, policies
        self._order: OrderedStop | None = None
        self._awaited: Node | None = None
        self._awaited_launch = 0
        self.mode: StopMode | Literal[""] = ""

    @property
    def begun(self) -> bool:
        return self._order is not None

    def objection(self, mode: StopMode) -> str:
        """Why the factory cannot be stopped like that, one sentence; empty where it can."""
        held = [name for name in DRAINED_BY if name in self._nodes and self._nodes[name].held_by]
        if mode != "drain" or self.mode not in {"", "drain"} or not held:
            return ""
        who = f"{held[0]} was" if len(held) == 1 else f"{' and '.join(held)} were"
        commands = " and ".join(f"`factory actor start {name}`" for name in held)
        return f"{who} stopped by an operator, and without it a drain never ends: {commands} first, or stop at once with `factory down`"

    def begin(self, mode: StopMode) -> None:
        """Heeds a word."""
        if mode == "drain":
            self.mode = self.mode or "drain"
            return
        self.mode = "detach" if "detach" in {mode, self.mode} else "now"
        if mode == "detach":
            # A worker outlives its actor. Asked to stop, this one would give the work back and end its worker.
            self._kill(node for node in self._nodes.values() if node.spec.level is Level.WORKERS)
        if mode == "now" and self._order is None and self._awaited is None:
            self._awaited = self._brought_back()
        self._go_on()

    def done(self) -> bool:
        """Goes on as far as possible without waiting; True when the stop is over."""
        self._go_on()
        return self._order is not None and self._order.done()

    def at_once(self) -> None:
        """Kills what is left."""
        self._awaited = None
        self._go_on()
        self._kill(self._nodes.values())

    def _brought_back(self) -> Node | None:
        node = self._nodes.get(TAKES_BACK)
        at_work = any(other.process is not None for other in self._nodes.values() if other.spec.level is Level.WORKERS)
        if node is None or not node.held_by or not at_work:
            return None
        node.held_by, node.again = "", False
        self._awaited_launch = node.launches + 1
        if node.process is None:
            self._children.launch(node)
        else:
            node.again = True
        return node

    def _go_on(self) -> None:
        if self._order is None and self.mode in {"now", "detach"} and not self._is_awaited():
            self._order = self._in_order()

    def _is_awaited(self) -> bool:
        node = self._awaited
        if node is None or self.mode == "detach":
            return False
        # One that was on its way out has its start still before it. One that fails has had it: nothing waits for a second try.
        if node.launches == self._awaited_launch:
            return node.process is not None and node.state is not State.RUNNING
        return node.launches < self._awaited_launch

    def _in_order(self) -> OrderedStop:
        for node in self._nodes.values():
            if node.process is None:
                node.enter(State.STOPPED, self._clock.monotonic())
        alive = [node.spec for node in self._nodes.values() if node.process is not None]
        batches = stop_order(alive, self._policies)
        return OrderedStop([[self._nodes[spec.name] for spec in batch] for batch in batches], self._children)

    def _kill(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            if node.process is not None:
                node.enter(State.STOPPING, self._clock.monotonic())
                self._children.kill(node)

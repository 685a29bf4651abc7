"""Stopping children in order: a batch is asked, and the next one only when nothing of it is left."""

from collections.abc import Iterable, Mapping
from typing import Literal

from actors.children import Children
from actors.node import Node, State
from factory.domain.supervision import Level, LevelPolicy
from factory.domain.supervision_decide import stop_order
from factory.ports import Clock
from factory.protocol.supervisor_mail import StopMode


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

    Args:
        nodes: all of the tree, in start order.

    Attributes:
        mode: the last word; empty while nobody wants a stop.
        begun: whether processes are being ended: from then on nothing is started. Draining is not that yet.
    """

    def __init__(self, nodes: Mapping[str, Node], children: Children, clock: Clock, policies: Mapping[Level, LevelPolicy]) -> None:
        self._nodes, self._children, self._clock, self._policies = nodes, children, clock, policies
        self._order: OrderedStop | None = None
        self.mode: StopMode | Literal[""] = ""

    @property
    def begun(self) -> bool:
        return self._order is not None

    def begin(self, mode: StopMode) -> None:
        """Heeds a word."""
        if mode == "drain":
            self.mode = self.mode or "drain"
            return
        self.mode = "detach" if "detach" in {mode, self.mode} else "now"
        if mode == "detach":
            # A worker outlives its actor. Asked to stop, this one would give the work back and end its worker.
            self._kill(node for node in self._nodes.values() if node.spec.level is Level.WORKERS)
        if self._order is None:
            self._order = self._in_order()

    def done(self) -> bool:
        """Goes on as far as possible without waiting; True when the stop is over."""
        return self._order is not None and self._order.done()

    def at_once(self) -> None:
        """Kills what is left."""
        self._kill(self._nodes.values())

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

"""The word of an operator about one child of the tree. No automation takes it back."""

from collections import OrderedDict
from collections.abc import Callable

import structlog

from actors.children import Children
from actors.node import Node, State
from actors.stopping import DRAINED_BY
from factory.domain.supervision import Level
from factory.ports import Clock
from factory.protocol.commands import Reply, SteerActor

NEVER_STOPPED = "database"
"""Without it no other actor can work: they would end, and the factory with them."""

REMEMBERED = 100
"""Commands whose answers are kept: a repeat after a lost answer comes within seconds."""

log = structlog.get_logger(__name__)


class Steering:
    """Stop, start and restart of one child.

    Args:
        nodes: all of the tree.
        forget: takes away the address of a child that is not started again for now.
        stop_mode: how the factory is being stopped, see `FactoryStop.mode`.
    """

    def __init__(
        self, nodes: dict[str, Node], children: Children, clock: Clock, forget: Callable[[Node], None], stop_mode: Callable[[], str]
    ) -> None:
        self._stop_mode = stop_mode
        self._nodes, self._children, self._clock, self._forget = nodes, children, clock, forget
        self._answers: OrderedDict[str, Reply] = OrderedDict()

    def steer(self, order: SteerActor) -> Reply:
        """Begins what was said. Said twice with one id, it is done once."""
        answer = self._answers.get(order.command)
        if answer is None:
            answer = self._answers[order.command] = self._refused(order) or self._begun(order, self._nodes[order.actor])
            while len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
        return answer

    def _refused(self, order: SteerActor) -> Reply | None:
        if order.actor == "supervisor":
            return Reply("refused", "the supervisor is the factory itself: `factory down` stops it")
        node = self._nodes.get(order.actor)
        if node is None:
            known = ", ".join(name for name, node in self._nodes.items() if node.spec.level is not Level.WORKERS)
            return Reply("not_found", f"there is no actor {order.actor[:80]!r}; there are {known}")
        if node.spec.level is Level.WORKERS:
            return Reply("refused", f"{order.actor} looks after an item's worker: `factory kill ITEM` ends the attempt")
        if order.verb == "stop" and order.actor == NEVER_STOPPED:
            return Reply("refused", f"no other actor can work without the {NEVER_STOPPED}: `factory down` stops all, restart only this one")
        if order.verb == "stop" and order.actor in DRAINED_BY and self._stop_mode() == "drain":
            return Reply(
                "refused", f"the factory is being drained, which never ends without the {order.actor}: `factory down` stops it now"
            )
        return None

    def _begun(self, order: SteerActor, node: Node) -> Reply:
        log.info("child.steered", child=order.actor, verb=order.verb, by=order.operator)
        before = node.process.pid if node.process else None
        match order.verb:
            case "stop":
                self._stop(node, order.operator)
            case "start":
                self._start(node)
            case "restart":
                self._restart(node)
        return Reply("ok", data={"actor": order.actor, "state": str(node.state), "pid_before": before})

    def _stop(self, node: Node, operator: str) -> None:
        node.held_by, node.again = operator or "an operator", False
        if node.process is None:
            self._forget(node)
            node.enter(State.HELD, self._clock.monotonic())
        elif node.state is not State.STOPPING:
            self._children.ask_to_stop(node)

    def _start(self, node: Node) -> None:
        node.held_by = ""
        if node.state is State.STOPPING:
            node.again = True
        elif node.process is None:
            # An operator's word is no sign that it cannot live.
            node.strikes = ()
            self._children.launch(node)

    def _restart(self, node: Node) -> None:
        if node.process is None:
            self._start(node)
            return
        node.held_by, node.again = "", True
        if node.state is not State.STOPPING:
            self._children.ask_to_stop(node)

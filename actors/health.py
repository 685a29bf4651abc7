"""Asks each running child how it does, without ever waiting for an answer, and ends those that hang.

Three absences look alike from here, and are told apart: a child that hangs or was stopped is silent alone; a root that was away finds
its own gap, whether its host was suspended or it made processes for long, and begins to count anew for all; a child whose store is away
shows a sign of life with each of its tries.
"""

from collections.abc import Iterable
from pathlib import Path

import structlog

from actors.children import Children
from actors.launcher import Child
from actors.node import Node, State
from factory.domain.health import HealthTerms, Signs, hangs
from factory.ports import Clock
from factory.protocol.supervisor_mail import Vitals
from factory.transport.health_link import HealthLine
from factory.transport.loop import Loop, Source

log = structlog.get_logger(__name__)


class Patient:
    """One process that is asked. A source: readable when it has answered."""

    def __init__(self, node: Node, run_dir: Path) -> None:
        self.node = node
        self._line = HealthLine(run_dir, node.spec.name)
        self._asked_at: float | None = None
        self._vitals: Vitals | None = None

    def pollable(self) -> object:
        return self._line.pollable()

    def ask(self, now: float) -> None:
        """Asks, unless an answer is still owed: a process that was stopped must not find a pile of questions."""
        if self._asked_at is None:
            self._asked_at = now
            self._line.ask()

    def hear(self) -> None:
        vitals = self._line.collect()
        if vitals is not None:
            self._asked_at, self._vitals = None, vitals
            self.node.inbox, self.node.dropped = vitals.inbox, vitals.dropped

    def excuse(self, now: float) -> None:
        """Whoever asks was away itself."""
        if self._asked_at is not None:
            self._asked_at = now
        self._vitals = None

    def signs(self, now: float) -> Signs:
        unanswered = 0.0 if self._asked_at is None else now - self._asked_at
        return Signs(unanswered, self._vitals.turn if self._vitals else 0.0)

    def close(self) -> None:
        self._line.close()


class HealthCheck:
    """All processes that are asked.

    Args:
        loop: gets each answer as a source; `hear` reads it.
        children: ends those that hang. That they end is then news like any other end.
    """

    def __init__(self, loop: Loop, run_dir: Path, clock: Clock, terms: HealthTerms, children: Children) -> None:
        self._loop, self._run_dir, self._clock, self._terms, self._children = loop, run_dir, clock, terms, children
        self._patients: dict[Child, Patient] = {}
        self._looked_at: float | None = None
        self._next = clock.monotonic()

    def due(self) -> float:
        """When `look` has something to do, in monotonic seconds."""
        return self._next

    def hear(self, source: Source) -> None:
        """Reads an answer; any other source is none of its own."""
        if isinstance(source, Patient):
            source.hear()

    def look(self, nodes: Iterable[Node]) -> None:
        """Asks who is to be asked and ends who hangs. To be called at each turn of the loop, after what is readable was read."""
        now = self._clock.monotonic()
        away, self._looked_at = now - (self._looked_at or now), now
        if away > self._terms.gap:
            log.warning("root.was_away", seconds=round(away, 1))
            for patient in self._patients.values():
                patient.excuse(now)
        if now < self._next:
            return
        self._next = now + self._terms.ask_every
        running = [node for node in nodes if node.state is State.RUNNING and node.process is not None and not node.killed]
        self._discharge({node.process for node in running if node.process is not None})
        for node in running:
            self._see(node, now)

    def _see(self, node: Node, now: float) -> None:
        if node.process is None:
            return
        patient = self._patients.get(node.process)
        if patient is None:
            patient = self._patients[node.process] = Patient(node, self._run_dir)
            self._loop.add(patient)
        signs = patient.signs(now)
        reason = hangs(self._terms, signs, node.spec.longest_turn, keeps_leases=node.spec.keeps_leases)
        if reason:
            log.error("child.hangs", child=node.spec.name, pid=node.process.pid, reason=reason)
            self._children.kill(node, reason, signs.silence)
        else:
            patient.ask(now)

    def _discharge(self, running: set[Child]) -> None:
        for process in self._patients.keys() - running:
            patient = self._patients.pop(process)
            self._loop.remove(patient)
            patient.close()

    def close(self) -> None:
        self._discharge(set())

"""The machine that workers run on: simulated processes that outlive the factory, freeze, and sometimes are not as dead as they seem."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from factory.errors import Conflict, HostUnavailable, NoResult
from factory.protocol.mailbox import Lease
from factory.protocol.verification import ORDER_FILE, REPORT_FILE, VerifiedGate, VerifyOrder, VerifyReport
from factory.worker_ports import Isolation, Life, Observed, WorkerOrder
from tests.simulation.agent import SimAgent
from tests.simulation.kernel import Kernel
from tests.simulation.net import Net

_VERIFY_SECONDS = 2.0


@dataclass(slots=True)
class Process:
    """What the host knows of one worker; `agent` is None for one that verifies."""

    observed: Observed
    agent: SimAgent | None
    out: dict[str, bytes]
    due: float = 0.0


class SimHost:
    """`ports.WorkerHost`, for all actors: each call is at the cost and at the risk of whoever is at work.

    Attributes:
        trouble: likelihood that a call fails, before or after its effect.
        undead: likelihood that what is stopped goes on where nobody sees it, with its key and its link.
        ghosts: those.
        well: whether all goes well in new attempts.
        on_stop: called with the name of a running worker before it is stopped; on_made with each new one.
        on_begun: called with the name of one whose agent has just got its assignment.
        on_last_leg: called with the name of one whose agent has said all but its last word.
        verdict: whether a gate is green on a commit; None where the worker that looks ends without a word.
    """

    isolation = Isolation.CONFINED

    def __init__(self, kernel: Kernel, net: Net) -> None:
        self._kernel, self._net = kernel, net
        self.verdict: Callable[[str], bool | None] = lambda _: True
        self.workers: dict[str, Process] = {}
        self.ghosts: list[SimAgent] = []
        self.trouble = self.undead = 0.0
        self.well = False
        self.on_stop: Callable[[str], object] = lambda _: None
        self.on_made: Callable[[SimAgent], object] = lambda _: None
        self.on_begun: Callable[[str], object] = lambda _: None
        self.on_last_leg: Callable[[str], object] = lambda _: None

    def agents(self) -> list[SimAgent]:
        """Those that run, undead ones too."""
        return [one.agent for one in self.workers.values() if one.agent and one.agent.alive] + [one for one in self.ghosts if one.alive]

    # -- the port -----------------------------------------------------------------------------------------------------

    def start(self, order: WorkerOrder) -> Observed:
        self._enter(0.3)
        if order.name not in self.workers:
            self._kernel.note(order.name, "is made")
            self.workers[order.name] = self._verifier(order) if ORDER_FILE in order.files else self._agent(order)
        self._leave()
        return self.poll(order.name)

    def poll(self, name: str) -> Observed:
        process = self.workers.get(name)
        if process is None:
            return Observed(name, Life.GONE)
        if process.agent is None and process.observed.life is Life.RUNNING and self._kernel.here() >= process.due:
            process.observed = replace(process.observed, life=Life.EXITED, code=0)
        return process.observed

    def stop(self, name: str, grace: float) -> Observed:
        self._enter(grace)
        process = self.workers.get(name)
        if process is not None and self.poll(name).life is Life.RUNNING:
            self.on_stop(name)
            self._kill(process)
        self._leave()
        return self.poll(name)

    def list_owned(self) -> Sequence[Observed]:
        self._enter(0.01)
        return [self.poll(name) for name in self.workers]

    def collect(self, name: str, file: str, target: Path, limit: int) -> int:
        self._enter(0.1)
        process = self.workers.get(name)
        content = process.out.get(file) if process else None
        if content is None or len(content) > limit:
            raise NoResult(f"{name} left no file {file!r} that could be taken.")
        target.write_bytes(content)
        self._leave()
        return len(content)

    def remove(self, name: str) -> None:
        self._enter(0.05)
        if self.poll(name).life is Life.RUNNING:
            raise Conflict(f"The worker {name} runs: stop it before it is removed.")
        if self.workers.pop(name, None) is not None:
            self._kernel.note(name, "is removed")
        self._leave()

    # -- what happens to its processes --------------------------------------------------------------------------------

    def crash(self, name: str) -> None:
        """A worker is killed by somebody else."""
        process = self.workers.get(name)
        if process is not None and self.poll(name).life is Life.RUNNING:
            self._ended(name, -9)
            if process.agent:
                process.agent.die()

    def clear(self) -> None:
        """The power goes: no process is left, and no trace of any."""
        for process in self.workers.values():
            if process.agent:
                process.agent.die()
        for ghost in self.ghosts:
            ghost.die()
        self.workers.clear()

    def _kill(self, process: Process) -> None:
        process.observed = replace(process.observed, life=Life.EXITED, code=-9)
        if process.agent is not None and self._kernel.chance(self.undead):
            self.ghosts.append(process.agent)
            self._kernel.note(process.agent.name, "is not dead")
        elif process.agent is not None:
            process.agent.die()

    def _ended(self, name: str, code: int) -> None:
        process = self.workers.get(name)
        if process is not None:
            process.observed = replace(process.observed, life=Life.EXITED, code=code)
            self._kernel.note(name, "exits", code)

    def _agent(self, order: WorkerOrder) -> Process:
        link = json.loads(order.files["link.json"])
        lease = Lease(link["item"], link["epoch"])
        key = order.files["link.key"].decode().split()[0]
        agent = SimAgent(
            self._kernel, self._net, lease, key, heartbeat=link["heartbeat"], well=self.well,
            ended=lambda code: self._ended(order.name, code),
        )  # fmt: skip
        agent.script.on_begun = lambda: self.on_begun(order.name)
        agent.script.on_last_leg = lambda: self.on_last_leg(order.name)
        self.on_made(agent)
        return Process(Observed(order.name, Life.RUNNING, pid=1), agent, agent.script.out)

    def _verifier(self, order: WorkerOrder) -> Process:
        told = msgspec.json.decode(order.files[ORDER_FILE], type=VerifyOrder)
        passed = self.verdict(told.commit)
        report = VerifyReport(told.commit, VerifiedGate(told.gate.name, bool(passed), told.gate.required, 1.0, "as it is"))
        out = {} if passed is None else {REPORT_FILE: msgspec.json.encode(report)}
        due = self._kernel.here() + 0.3 + self._kernel.lot("verify", order.name) * _VERIFY_SECONDS
        return Process(Observed(order.name, Life.RUNNING, pid=1), None, out, due)

    def _enter(self, slowest: float) -> None:
        lane = self._kernel.current
        lane.step()
        lane.lag += self._kernel.random.random() * slowest
        if self._kernel.chance(self.trouble / 2):
            raise HostUnavailable("The host does not answer.")

    def _leave(self) -> None:
        if self._kernel.chance(self.trouble / 2):
            raise HostUnavailable("The host's answer was lost.")
        self._kernel.current.step()

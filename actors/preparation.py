"""Mirrors brought up to date for the workers that wait for them: one fetch at a time and branch, however many ask."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from actors.publication import Pipeline
from actors.verification import specs
from factory.delivery_ports import ReworkOrder
from factory.domain import rework
from factory.domain.gates import BadGates
from factory.errors import Refused, RepositoryRefused
from factory.protocol.delivery_mail import Prepared, PrepareFailed
from factory.protocol.mailbox import Lease
from factory.protocol.worker import GateSpec
from factory.repository_ports import Repositories

MAX_WAITING = 1_000
"""Leases that wait for a mirror at once; the others ask again on their tick."""


class Target(NamedTuple):
    """What a mirror is brought up to date for. `rework`: what the attempt is for that goes on with a branch of its own."""

    repo: str
    base_branch: str
    rework: ReworkOrder | None = None


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A mirror that is up to date. `head`: of the branch that is reworked."""

    source: str
    base_commit: str
    gates: tuple[GateSpec, ...]
    head: str = ""


@dataclass(slots=True)
class Preparation:
    """Who waits for what. `refresh` runs in the background, everything else in the actor's thread."""

    repositories: Repositories
    pipeline: Pipeline
    _waiting: dict[Target, set[Lease]] = field(default_factory=dict)

    def wait(self, target: Target, lease: Lease, begin: Callable[[Target], bool]) -> None:
        """Has the lease wait for the target, whose refresh `begin` starts unless it is under way."""
        if sum(map(len, self._waiting.values())) >= MAX_WAITING:
            return
        if target not in self._waiting and not begin(target):
            return
        self._waiting.setdefault(target, set()).add(lease)

    def refresh(self, target: Target) -> Refreshed:
        """Brings the mirror up to date and reads which gates hold on its base commit, not on what an agent has made of it."""
        source, commit = self.repositories.refresh(target.repo, target.base_branch)
        try:
            gates = self.pipeline.gates_at(target.repo, commit)
        except BadGates as error:
            raise RepositoryRefused(str(error)) from error
        head = self._head(target.repo, target.rework) if target.rework else ""
        return Refreshed(str(source), commit, specs(gates), head)

    def _head(self, repo: str, order: ReworkOrder) -> str:
        head = self.repositories.head(repo, order.branch)
        if head is None:
            raise RepositoryRefused(f"The branch {order.branch} of the pull request is gone, so it cannot be worked on again.")
        if head not in order.heads:
            raise RepositoryRefused(f"Somebody else pushed to {order.branch}: it is at {head[:12]}, which no attempt of the item has made.")
        return head

    def answers(self, target: Target, result: Refreshed | Exception) -> list[Prepared | PrepareFailed]:
        """What is to be said to those who waited for it."""
        leases = sorted(self._waiting.pop(target, set()), key=lambda lease: lease.worker)
        if isinstance(result, Refreshed):
            return [_prepared(lease, target, result) for lease in leases]
        failure: Literal["policy", "infra"] = "policy" if isinstance(result, Refused) else "infra"
        return [PrepareFailed(lease, failure, str(result)) for lease in leases]


def _prepared(lease: Lease, target: Target, result: Refreshed) -> Prepared:
    order = target.rework
    if order is None:
        return Prepared(lease, result.source, result.base_commit, result.gates)
    task = rework.task(order.reasons, f"origin/{target.base_branch}" if order.conflicts else "")
    return Prepared(lease, result.source, result.head, result.gates, task, order.evidence, result.base_commit)

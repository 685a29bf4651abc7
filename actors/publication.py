"""The steps of a publication as one pipeline over one value: each takes the run and returns it with how it ended.

They run in background threads and know nothing of the actor, its mailbox or its database.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from factory.delivery_ports import Ended, Publication
from factory.domain import gates
from factory.domain.delivery import Clean, Problem, Rules, Step, StepEnd, digest, review
from factory.domain.gates import BadGates, Gate
from factory.domain.ids import Commit
from factory.domain.inspection import GateResult, Inspection
from factory.domain.pull_request import Effort, closed_before, title_and_body
from factory.domain.spec import parse_spec
from factory.errors import BadResult, BranchTaken, Refused, RepositoryUnavailable
from factory.holds import reached
from factory.protocol.attempt_mail import Result
from factory.protocol.delivery_mail import Published, Rejected
from factory.protocol.verification import VerifiedGate
from factory.pull_request_ports import PullRequestOrder, PullRequestRef, PullRequests
from factory.repository_ports import Repositories

_CHUNK = 1_048_576
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a result is no good; what the queue is told."""

    failure: Literal["gate", "policy", "infra", "agent"]
    sentence: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A publication on its way. All of it can be made again from the row.

    Attributes:
        rejection: set where the step is `reject`.
        results: of the gates that were run; the first that has none is the next.
        unreported: workers of the next gate that ended without a report.
        verify_until: monotonic seconds at which a verification is given up; None while none runs.
    """

    row: Publication
    step: Step = Step.IMPORT
    imported: Path | None = None
    inspection: Inspection | None = None
    gates: tuple[Gate, ...] = ()
    results: tuple[GateResult, ...] = ()
    pull: PullRequestRef | None = None
    rejection: Rejection | None = None
    unreported: int = 0
    verify_until: float | None = None

    @property
    def commit(self) -> Commit:
        return Commit(self.row.result.commit)

    @property
    def base(self) -> Commit:
        return Commit(self.row.result.base_commit)

    @property
    def repository(self) -> Path:
        """What the import made of the result."""
        return _there(self.imported)

    @property
    def gate(self) -> Gate:
        """The gate that is to be run next, or runs."""
        return self.gates[len(self.results)]

    def refused(self, rejection: Rejection) -> "Stepped":
        return replace(self, rejection=rejection), StepEnd.REFUSED

    def word(self) -> Published | Rejected:
        """What the queue is told at the end."""
        if self.rejection is not None:
            rejection = self.rejection
            return Rejected(self.row.lease, rejection.failure, rejection.sentence, rejection.evidence, self._gates())
        pull = _there(self.pull)
        return Published(self.row.lease, pull.url, self.commit, pull.followed, self._gates())

    def _gates(self) -> tuple[VerifiedGate, ...]:
        return tuple(VerifiedGate(each.name, each.passed, each.required, each.seconds, each.output, each.code) for each in self.results)


Stepped = tuple[Run, StepEnd]


class Pipeline:
    """Carries out the steps that take long.

    Args:
        default_gates: for repositories that have none of their own.
    """

    def __init__(self, repositories: Repositories, pulls: PullRequests, rules: Rules, default_gates: tuple[Gate, ...]) -> None:
        self._repositories = repositories
        self._pulls = pulls
        self._rules = rules
        self._default_gates = default_gates

    def gates_at(self, repo: str, commit: Commit) -> tuple[Gate, ...]:
        """The gates of a repository as they stand on the base branch: an agent must not choose its own.

        Raises:
            BadGates: the file cannot be used.
        """
        text = self._repositories.read(repo, commit, gates.FILE)
        return (gates.parse(text) if text is not None else ()) or self._default_gates

    def take_in(self, run: Run) -> Stepped:
        """Import: the bundle becomes a bare repository of its own."""
        fault = spool_fault(run.row.result)
        if fault:
            return run.refused(Rejection("infra", fault))
        try:
            imported = self._import(run)
        except BadResult as error:
            return run.refused(Rejection("agent", str(error)))
        return replace(run, imported=imported), StepEnd.PASSED

    def check(self, run: Run, locked_by_others: Mapping[str, str]) -> Stepped:
        """Check: what is in it, and which gates it has to pass."""
        # What goes on with a branch of its own is judged with all that is on it, against the branch that it will be merged into.
        onto = run.row.base_branch if run.row.builds_on_ours else ""
        try:
            inspection = self._repositories.inspect(run.repository, run.base, run.commit, onto)
            own_gates = self.gates_at(run.row.repo, inspection.fork or run.base)
        except BadResult as error:
            return run.refused(Rejection("agent", str(error)))
        except (BadGates, Refused) as error:
            return run.refused(Rejection("policy", str(error)))
        run = replace(run, inspection=inspection, gates=own_gates)
        if run.commit == run.base:
            return run.refused(Rejection("agent", "The result changes nothing."))
        verdict = review(inspection, self._rules, locked_by_others, run.commit)
        if isinstance(verdict, Clean) or _is_approved(run, verdict):
            return run, StepEnd.PASSED
        return run.refused(Rejection(verdict.failure, verdict.sentence, verdict.evidence))

    def push(self, run: Run) -> Stepped:
        """Push: the one branch of the item, and nothing else."""
        try:
            there = self._pulls.find(run.row.repo, run.row.branch)
            if there is not None and there.state != "open":
                return _over_already(run, there)
            self._push(run, there)
        except Refused as error:
            return run.refused(Rejection("policy", str(error)))
        reached("pushed")
        return run, StepEnd.PASSED

    def open(self, run: Run) -> Stepped:
        """Open: find-or-create of the one pull request of the item."""
        row = run.row
        tasks = [task.text for task in parse_spec(row.spec).tasks]
        effort = Effort(row.iterations, row.tokens, row.reworks, row.micros)
        title, body = title_and_body(
            row.title, row.item, tasks=tasks, gates=run.results, inspection=_there(run.inspection), effort=effort, closes=row.closes,
            blocked=row.blocked,
        )  # fmt: skip
        order = PullRequestOrder(row.item, row.repo, row.branch, row.base_branch, run.commit, title, body)
        try:
            pull = self._pulls.open(order)
        except Refused as error:
            return run.refused(Rejection("policy", str(error)))
        reached("pull_request_opened")
        return replace(run, pull=pull), StepEnd.PASSED

    def clean(self, ended: Iterable[Ended]) -> None:
        """Removes what publications that are over have left, and their bundles where those are named."""
        for one in ended:
            self._repositories.discard(one.lease.worker)
            if one.bundle:
                Path(one.bundle).unlink(missing_ok=True)

    def _import(self, run: Run) -> Path:
        row = run.row
        try:
            return self._repositories.import_bundle(row.repo, row.name, Path(row.result.bundle), run.commit)
        except RepositoryUnavailable:
            # The mirror was removed, or made anew since: bring it back, and let what is wrong with that be the error.
            self._repositories.refresh(row.repo, row.base_branch)
            return self._repositories.import_bundle(row.repo, row.name, Path(row.result.bundle), run.commit)

    def _push(self, run: Run, there: PullRequestRef | None) -> None:
        row, imported = run.row, run.repository
        if row.builds_on_ours:
            # Exactly what the attempt began with: a commit that came since would be lost under it.
            self._repositories.push(row.repo, imported, run.commit, row.branch, run.base)
            return
        # A forge's pull request is at whatever anybody pushed; only what an attempt made may be replaced.
        expected = there.head if there and there.head in row.earlier_heads else None
        try:
            self._repositories.push(row.repo, imported, run.commit, row.branch, expected)
        except BranchTaken as error:
            # Pushed by an earlier attempt that did not live to open a pull request, or deleted by hand since.
            if error.found and error.found not in row.earlier_heads:
                raise
            found = Commit(error.found) if error.found else None
            self._repositories.push(row.repo, imported, run.commit, row.branch, found)


def spool_fault(result: Result) -> str | None:
    """What is wrong with a bundle in the spool, where it is not what was put there."""
    hashed = hashlib.sha256()
    try:
        with Path(result.bundle).open("rb") as file:
            while chunk := file.read(_CHUNK):
                hashed.update(chunk)
    except FileNotFoundError:
        return "The result's bundle is no longer where it was put."
    return None if hashed.hexdigest() == result.sha256 else "The result's bundle is not the one that the worker handed in."


def _over_already(run: Run, pull: PullRequestRef) -> Stepped:
    # Of this very result: somebody was faster than the answer that it was opened. Pushing would bring a deleted branch back.
    if pull.head == run.commit:
        return run, StepEnd.PASSED
    return run.refused(Rejection("policy", closed_before(pull.url, pull.state)))


def _is_approved(run: Run, problem: Problem) -> bool:
    return problem.failure == "policy" and run.row.approved_digest == digest(run.base, run.commit)


def _there(value: T | None) -> T:
    """What an earlier step has put there."""
    if value is None:
        raise RuntimeError("a step of a publication was carried out before the one it builds on")
    return value

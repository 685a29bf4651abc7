"""What a worker is started with and told, put together from its lease's work and the factory's settings."""

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actors.event_desk import MAX_EVENTS
from actors.way_out import WayOutTerms
from factory.domain import rework
from factory.domain.hosts import LOCAL
from factory.domain.ids import Epoch, ItemId, branch_of
from factory.domain.learning import bounded
from factory.domain.lease import LeaseTerms
from factory.domain.worker import Exited, Report
from factory.errors import HostAway, NoResult, NoSpace
from factory.protocol.attempt_mail import Finish, Result
from factory.protocol.delivery_mail import Prepared
from factory.protocol.mailbox import Lease, Work
from factory.protocol.worker import Assign, Done, EngineOptions, Fail
from factory.transport.curve import KeyPair
from factory.worker_ports import Life, Observed, WorkerHost, WorkerOrder

_CHUNK = 1024 * 1024
_CLAUDE = "claude"
_CALL_MODEL = frozenset({_CLAUDE, "ralph", "command"})
_LOGINS = ("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN")
_MAX_BEFORE = 16_384
"""Characters: what an assignment has room for."""


class NoAccess(Exception):
    """The engine lacks something that only a person can give it; the sentence says what, and the mend."""


@dataclass(frozen=True, slots=True)
class EngineAccess:
    """What this machine has for the engine of one worker, and how the operator wants Claude Code run.

    Attributes:
        binary: Claude Code's program, None where there is none.
        credential: what the worker's engine logs in with; of no other engine.
        problem: why the worker need not be started, with what is to be done; empty where it may work.
        programs_here: False where workers have programs of their own, and this machine's would only be in their way.
    """

    binary: Path | None = None
    credential: Mapping[str, str] = field(default_factory=dict, repr=False)
    problem: str = ""
    options: EngineOptions = EngineOptions()  # noqa: RUF009 - frozen
    programs_here: bool = True

    def named(self, engine: str) -> str:
        """The engine with the program of this machine, where it names none itself."""
        return f"{_CLAUDE}:{self.binary}" if self.binary and engine in {_CLAUDE, f"{_CLAUDE}:"} else engine

    def calls_model(self, engine: str) -> bool:
        """Whether its worker is let out to the model: an engine that logs in there as Claude Code does, or runs that."""
        return engine.partition(":")[0] in _CALL_MODEL and any(name in self.credential for name in _LOGINS)

    @property
    def files(self) -> dict[str, bytes]:
        """What the worker finds in its `in` folder."""
        return {"credential.json": json.dumps(dict(self.credential)).encode()} if self.credential else {}


def is_claude(engine: str) -> bool:
    return engine.partition(":")[0] == _CLAUDE


@dataclass(frozen=True, slots=True)
class WorkerTerms:
    """What all workers of a factory have in common. Times in seconds.

    Attributes:
        endpoint: where agents reach the gateway, `server_key` its public key (Z85).
        results: delivery's spool.
        max_result: bytes in a result's bundle.
        way_out: of workers without a network; None where they have their host's, or none at all.
    """

    endpoint: str
    server_key: str
    lease: LeaseTerms
    iteration_timeout: float
    stuck_after: int
    stop_grace: float
    results: Path
    logs: Path
    max_result: int = 512 * 1024**2
    access: EngineAccess = EngineAccess()
    way_out: WayOutTerms | None = None


def worker_order(
    lease: Lease, work: Work, source: str, keys: KeyPair, terms: WorkerTerms, *, commits: tuple[str, ...] = ()
) -> WorkerOrder:  # fmt: skip
    """The worker's files and what it may read of this machine.

    Raises:
        NoAccess: the worker could do nothing.
    """
    if terms.access.problem:
        raise NoAccess(terms.access.problem)
    link = {
        "endpoint": terms.endpoint, "server_key": terms.server_key, "item": lease.item, "epoch": lease.epoch,
        "heartbeat": terms.lease.heartbeat,
    }  # fmt: skip
    files = {"link.json": json.dumps(link).encode(), "link.key": keys.dump(), **terms.access.files}
    out, here = terms.way_out, work.host in {"", LOCAL}
    if out is not None:
        files |= out.file(lease.worker, model=terms.access.calls_model(work.engine), here=here)
    programs = engine_files(terms.access.named(work.engine)) if terms.access.programs_here else ()
    readable = (Path(source), *(out.readable if out and here else ()), *_folder_of(terms.endpoint), *programs)
    return WorkerOrder(lease.worker, ("run",), files, readable, repo=work.repo, commits=commits)


def _folder_of(endpoint: str) -> tuple[Path, ...]:
    return (Path(endpoint.removeprefix("ipc://")).parent,) if endpoint.startswith("ipc://") else ()


def engine_files(engine: str) -> tuple[Path, ...]:
    """Programs and files that an engine names by absolute path, links with what they lead to: a worker may not see them otherwise."""
    words = shlex.split(engine.partition(":")[2])
    named = [path for path in map(Path, words) if path.is_absolute() and path.exists()]
    return tuple(dict.fromkeys(way for path in named for way in (path, path.resolve())))


def assignment(work: Work, prepared: Prepared, base_commit: str, learnings: tuple[str, ...], terms: WorkerTerms) -> Assign:
    """The work in the wire's words."""
    options = terms.access.options if is_claude(work.engine) else EngineOptions()
    spec = rework.spec(work.spec, prepared.task) if prepared.task else work.spec
    return Assign(
        title=work.title, spec=spec, source=prepared.source, branch=branch_of(ItemId(work.lease.item)),
        base_branch=work.base_branch, base_commit=base_commit, engine=terms.access.named(work.engine), gates=prepared.gates,
        previous=_before(work, prepared), merge_commit=prepared.merge, learnings=learnings, locked=work.files,
        max_iterations=work.max_iterations, iteration_timeout=terms.iteration_timeout, stuck_after=terms.stuck_after, options=options,
    )  # fmt: skip


def _before(work: Work, prepared: Prepared) -> str:
    """What was said about the pull request, and what an attempt to rework it left, which the queue has kept instead of that."""
    if not prepared.evidence or work.previous.endswith(prepared.evidence):
        return work.previous
    room = _MAX_BEFORE - len(prepared.evidence)
    return f"{prepared.evidence}\n\n{work.previous[-room:]}".strip()


def take_result(host: WorkerHost, lease: Lease, seq: int, done: Done, base_commit: str, *, terms: WorkerTerms) -> Finish:
    """Moves the bundle out of the worker's reach, into the spool; what is no result as announced is the agent's failure.

    Raises `HostUnavailable` where it cannot be taken now.
    """
    target = terms.results / spool_name(ItemId(lease.item), Epoch(lease.epoch))
    try:
        host.collect(lease.worker, done.bundle, target, terms.max_result)
    except NoResult as error:
        return Finish(lease, seq, "agent", f"the result could not be collected: {error}")
    if sha256_of(target) != done.sha256:
        # Nobody will ever ask for it, and an agent can hand in as many as it likes.
        target.unlink()
        return Finish(lease, seq, "agent", "the result's bundle is not the one that was announced")
    return finish_of_done(lease, seq, done, target, base_commit)


def finish_of_done(lease: Lease, seq: int, done: Done, bundle: Path, base_commit: str) -> Finish:
    """The queue's mail for a result that is in the spool."""
    result = Result(
        bundle=str(bundle), sha256=done.sha256, size=done.size, commit=done.commit, base_commit=base_commit, commits=done.commits,
        files_changed=done.files_changed, learnings=bounded(done.learnings),
    )  # fmt: skip
    last_event = min(done.last_event, MAX_EVENTS)
    return Finish(lease, seq, "done", iterations=done.iterations, tokens=done.tokens, last_event=last_event, result=result)


def finish_of_fail(lease: Lease, seq: int, fail: Fail) -> Finish:
    """The queue's mail for an attempt that the agent gave up."""
    return Finish(
        lease, seq, fail.failure, fail.reason, fail.evidence, iterations=fail.iterations, tokens=fail.tokens,
        last_event=min(fail.last_event, MAX_EVENTS), retry_after=fail.retry_after, holds=fail.holds
    )  # fmt: skip


def spool_name(item: ItemId, epoch: Epoch) -> str:
    """A result's file name in delivery's spool."""
    return f"{item}-{epoch}.bundle"


def finish_of_no_worker(lease: Lease, error: Exception) -> Finish:
    """The queue's mail for a worker that could not be made."""
    if isinstance(error, NoAccess):
        return Finish(lease, 0, "auth", str(error))
    if isinstance(error, HostAway):
        return Finish(lease, 0, "given_back", f"no worker can be made now: {error}")
    return setback(lease, 0, f"the worker could not be made: {error}", error)


def setback(lease: Lease, seq: int, reason: str, error: Exception) -> Finish:
    """The queue's mail for what nobody at work is to blame for. Where that is a full disk, `error` is all there is to say."""
    return Finish(lease, seq, "no_space", str(error)) if isinstance(error, NoSpace) else Finish(lease, seq, "infra", reason)


def finish_of_report(lease: Lease, report: Report) -> Finish:
    """The queue's mail for an end that no agent told of."""
    outcome: Any = report.outcome
    return Finish(lease, 0, outcome, report.reason)


def how_it_ended(seen: Observed) -> Exited:
    """What the host knows of a worker that runs no more."""
    return Exited(f"the worker cannot be made: {seen.reason}", "no_space") if seen.full else Exited(_why_it_ended(seen))


def _why_it_ended(seen: Observed) -> str:
    if seen.life is Life.GONE:
        return "the worker is gone"
    code = "" if seen.code is None else f" with status {seen.code}"
    return f"the worker ended{code}" + (f": {seen.reason}" if seen.reason else "")


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()

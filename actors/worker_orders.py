"""What a worker is started with and told, put together from its lease's work and the factory's settings."""

import hashlib
import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factory.domain.ids import Epoch, ItemId, branch_of
from factory.domain.lease import LeaseTerms
from factory.domain.worker import Report
from factory.errors import NoResult
from factory.ports import Life, Observed, WorkerHost, WorkerOrder
from factory.protocol.mailbox import Finish, Lease, Prepared, Result, Work
from factory.protocol.worker import Assign, Done, Fail
from factory.transport.curve import KeyPair

_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class WorkerTerms:
    """What all workers of a factory have in common. Times in seconds.

    Attributes:
        endpoint: where agents reach the gateway, `server_key` its public key (Z85).
        results: delivery's spool.
        max_result: bytes in a result's bundle.
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


def worker_order(lease: Lease, work: Work, source: str, keys: KeyPair, terms: WorkerTerms) -> WorkerOrder:
    """The worker's files and what it may read of this machine."""
    link = {
        "endpoint": terms.endpoint, "server_key": terms.server_key, "item": lease.item, "epoch": lease.epoch,
        "heartbeat": terms.lease.heartbeat,
    }  # fmt: skip
    files = {"link.json": json.dumps(link).encode(), "link.key": keys.dump()}
    readable = (Path(source), *_folder_of(terms.endpoint), *engine_files(work.engine))
    return WorkerOrder(lease.worker, ("run",), files, readable)


def _folder_of(endpoint: str) -> tuple[Path, ...]:
    return (Path(endpoint.removeprefix("ipc://")).parent,) if endpoint.startswith("ipc://") else ()


def engine_files(engine: str) -> tuple[Path, ...]:
    """Programs and files that an engine names by absolute path, links with what they lead to: a worker may not see them otherwise."""
    words = shlex.split(engine.partition(":")[2])
    named = [path for path in map(Path, words) if path.is_absolute() and path.exists()]
    return tuple(dict.fromkeys(way for path in named for way in (path, path.resolve())))


def assignment(work: Work, prepared: Prepared, base_commit: str, learnings: tuple[str, ...], terms: WorkerTerms) -> Assign:
    """The work in the wire's words."""
    return Assign(
        title=work.title, spec=work.spec, source=prepared.source, branch=branch_of(ItemId(work.lease.item)),
        base_branch=work.base_branch, base_commit=base_commit, engine=work.engine, gates=prepared.gates, previous=work.previous,
        learnings=learnings, locked=work.files, max_iterations=work.max_iterations, iteration_timeout=terms.iteration_timeout,
        stuck_after=terms.stuck_after,
    )  # fmt: skip


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
        return Finish(lease, seq, "agent", "the result's bundle is not the one that was announced")
    return finish_of_done(lease, seq, done, target, base_commit)


def finish_of_done(lease: Lease, seq: int, done: Done, bundle: Path, base_commit: str) -> Finish:
    """The queue's mail for a result that is in the spool."""
    result = Result(
        bundle=str(bundle), sha256=done.sha256, size=done.size, commit=done.commit, base_commit=base_commit, commits=done.commits,
        files_changed=done.files_changed, learnings=done.learnings,
    )  # fmt: skip
    return Finish(lease, seq, "done", iterations=done.iterations, tokens=done.tokens, last_event=done.last_event, result=result)


def finish_of_fail(lease: Lease, seq: int, fail: Fail) -> Finish:
    """The queue's mail for an attempt that the agent gave up."""
    return Finish(
        lease, seq, fail.failure, fail.reason, fail.evidence, iterations=fail.iterations, tokens=fail.tokens, last_event=fail.last_event,
        retry_after=fail.retry_after, holds=fail.holds
    )  # fmt: skip


def spool_name(item: ItemId, epoch: Epoch) -> str:
    """A result's file name in delivery's spool."""
    return f"{item}-{epoch}.bundle"


def finish_of_report(lease: Lease, report: Report) -> Finish:
    """The queue's mail for an end that no agent told of."""
    outcome: Any = report.outcome
    return Finish(lease, 0, outcome, report.reason)


def how_it_ended(seen: Observed) -> str:
    """What the host knows of a worker that runs no more, as a reason."""
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

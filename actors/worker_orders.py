"""What a worker is started with and told, put together from its lease's work and the factory's settings."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from factory.domain.ids import Epoch, ItemId, branch_of
from factory.domain.lease import LeaseTerms
from factory.ports import WorkerOrder
from factory.protocol.mailbox import Finish, Lease, Prepared, Result, Work
from factory.protocol.worker import Assign, Done, Fail
from factory.transport.curve import KeyPair


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
    max_result: int = 2 * 1024**3


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
    """Programs and files that an engine names by absolute path: they lie outside what every worker can read."""
    words = shlex.split(engine.partition(":")[2])
    return tuple(path for path in map(Path, words) if path.is_absolute() and path.exists())


def assignment(work: Work, prepared: Prepared, base_commit: str, terms: WorkerTerms) -> Assign:
    """The work in the wire's words."""
    return Assign(
        title=work.title, spec=work.spec, source=prepared.source, branch=branch_of(ItemId(work.lease.item)),
        base_branch=work.base_branch, base_commit=base_commit, engine=work.engine, gates=prepared.gates, previous=work.previous,
        locked=work.files, max_iterations=work.max_iterations, iteration_timeout=terms.iteration_timeout, stuck_after=terms.stuck_after,
    )  # fmt: skip


def finish_of_done(lease: Lease, seq: int, done: Done, bundle: Path, base_commit: str) -> Finish:
    """The queue's mail for a result that is in the spool."""
    result = Result(
        bundle=str(bundle), sha256=done.sha256, size=done.size, commit=done.commit, base_commit=base_commit, commits=done.commits,
        files_changed=done.files_changed, learnings=done.learnings,
    )  # fmt: skip
    return Finish(
        lease, seq, "done", iterations=done.iterations, tokens=done.tokens, last_event=done.last_event, result=result
    )


def finish_of_fail(lease: Lease, seq: int, fail: Fail) -> Finish:
    """The queue's mail for an attempt that the agent gave up."""
    return Finish(
        lease, seq, fail.failure, fail.reason, fail.evidence, iterations=fail.iterations, tokens=fail.tokens, last_event=fail.last_event
    )  # fmt: skip


def spool_name(item: ItemId, epoch: Epoch) -> str:
    """A result's file name in delivery's spool."""
    return f"{item}-{epoch}.bundle"

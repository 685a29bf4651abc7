"""The children of the tree that come and go: one actor per lease."""

from factory.domain.ids import WorkerId, worker_actor
from factory.domain.supervision import ChildSpec, Level, Restarts
from factory.protocol.mailbox import Lease

WORKER_KIND = "worker"

_SHUTDOWN_SECONDS = 5.0
"""A worker actor stops by letting go of its worker, which lives on and is adopted."""


def worker_child(lease: Lease) -> ChildSpec:
    """Never restarted by the supervisor: whether there is still a lease to look after, the dispatcher knows."""
    return ChildSpec(
        name=worker_actor(WorkerId(lease.worker)),
        level=Level.WORKERS,
        kind=WORKER_KIND,
        restart=Restarts.TEMPORARY,
        shutdown=_SHUTDOWN_SECONDS,
    )

"""The children of the tree that come and go: one actor per lease."""

from factory.domain.ids import WorkerId, worker_actor
from factory.domain.supervision import LONGEST_TURN, ChildSpec, Level, Restarts
from factory.protocol.mailbox import Lease

WORKER_KIND = "worker"


def worker_child(lease: Lease, shutdown: float) -> ChildSpec:
    """Never restarted by the supervisor: whether there is still a lease to look after, the dispatcher knows.

    Args:
        shutdown: seconds that it has to give its work back and end its worker; longer than the worker's own grace.
    """
    return ChildSpec(
        name=worker_actor(WorkerId(lease.worker)),
        level=Level.WORKERS,
        kind=WORKER_KIND,
        restart=Restarts.TEMPORARY,
        shutdown=shutdown,
        # In one of its turns it waits for its worker's end, for as long as the operator has given that.
        longest_turn=LONGEST_TURN + shutdown,
        keeps_leases=True,
    )

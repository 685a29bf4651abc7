"""The queue's store as its actor uses it: each round takes what a batch of workers said, and claims the next batch.

Of each item the round stores that it was accepted and that it is done with a result: with the claim three events, each
hashed into its stream, beside the attempt, the worker, the metrics and the publication.
"""

import sys
import time

from factory.protocol.mailbox import Lease
from factory.storage.database import Database
from tests.work import done, order, store


def main(dsn: str, jobs: int, batch: int) -> float:
    with Database(dsn, "bench") as database:
        items = store(database)
        with items.round() as round_:
            for _ in range(jobs):
                round_.submit(order())
        began = time.perf_counter()
        leases: list[Lease] = []
        while True:
            with items.round() as round_:
                started = round_.start(leases)
                taken = round_.take_results([done(lease) for lease in leases])
                claimed = round_.claim(batch)
            if not len(started) == len(taken) == len(leases):
                raise RuntimeError("an end was refused")
            leases = [work.lease for work in claimed]
            if not leases:
                return jobs / (time.perf_counter() - began)


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))

"""pgqueuer, over asyncpg as its manual recommends. Run by the interpreter of the peers' environment."""

import asyncio
import sys
import time

import asyncpg
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode


async def run(dsn: str, jobs: int, batch: int) -> float:
    connection = await asyncpg.connect(dsn)
    manager = QueueManager(Queries(AsyncpgDriver(connection)))
    if not await connection.fetchval("SELECT to_regclass('pgqueuer') IS NOT NULL"):
        await manager.queries.install()
    starts: list[float] = []

    @manager.entrypoint("nothing")
    async def nothing(_job: Job) -> None:
        starts.append(time.perf_counter())

    await manager.queries.enqueue(["nothing"] * jobs, [None] * jobs, [0] * jobs)
    await manager.run(batch_size=batch, mode=QueueExecutionMode.drain)
    await connection.close()
    # From job to job: neither its start nor its way to stop is counted, to its favour.
    return (len(starts) - 1) / (starts[-1] - starts[0])


if __name__ == "__main__":
    print(asyncio.run(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))

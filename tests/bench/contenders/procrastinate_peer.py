"""procrastinate; its `batch` is how many jobs it runs at once. Run by the interpreter of the peers' environment."""

import asyncio
import sys
import time

from procrastinate import App, PsycopgConnector
from psycopg import connect


async def run(dsn: str, jobs: int, batch: int) -> float:
    app = App(connector=PsycopgConnector(conninfo=dsn))
    starts: list[float] = []

    @app.task(name="nothing")
    async def nothing() -> None:
        starts.append(time.perf_counter())

    async with app.open_async():
        with connect(dsn) as connection:
            there = connection.execute("SELECT to_regclass('procrastinate_jobs') IS NOT NULL").fetchone()
        if there != (True,):
            await app.schema_manager.apply_schema_async()
        await nothing.batch_defer_async(*({} for _ in range(jobs)))
        await app.run_worker_async(wait=False, concurrency=batch, install_signal_handlers=False)
    # From job to job: neither its start nor its way to stop is counted, to its favour.
    return (len(starts) - 1) / (starts[-1] - starts[0])


if __name__ == "__main__":
    print(asyncio.run(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))

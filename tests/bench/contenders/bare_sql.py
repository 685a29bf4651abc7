"""The limit for one connection: each round finishes a batch and claims the next in one transaction. No fence, no event."""

import sys
import time

import psycopg

_TABLE = "CREATE TABLE IF NOT EXISTS jobs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, status smallint NOT NULL DEFAULT 0)"
_INDEX = "CREATE INDEX IF NOT EXISTS jobs_claim ON jobs (id) WHERE status = 0"
_CLAIM = """
UPDATE jobs SET status = 1 WHERE id = ANY(ARRAY(SELECT id FROM jobs WHERE status = 0 ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED))
RETURNING id
"""
_FINISH = "UPDATE jobs SET status = 2 WHERE id = ANY(%s)"


def main(dsn: str, jobs: int, batch: int) -> float:
    with psycopg.connect(dsn, prepare_threshold=0) as connection:
        connection.execute(_TABLE)
        connection.execute(_INDEX)
        connection.execute("INSERT INTO jobs (status) SELECT 0 FROM generate_series(1, %s)", (jobs,))
        connection.commit()
        began = time.perf_counter()
        finished: list[int] = []
        while True:
            with connection.transaction():
                if finished:
                    connection.execute(_FINISH, (finished,))
                finished = [row[0] for row in connection.execute(_CLAIM, (batch,))]
            if not finished:
                return jobs / (time.perf_counter() - began)


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))

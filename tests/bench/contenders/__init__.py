"""Programs that each empty a queue of no-op jobs: `PROGRAM DSN JOBS BATCH`; the last line they print is jobs a second.

Each runs in a process of its own, so that no contender pays for another one's imports, threads or garbage.
"""

"""circus-top on processes of its own, for comparison."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.peers import Peers
from tests.waiting import eventually

PROCESSES = 50

_UP_SECONDS = 60.0
_DOWN_SECONDS = 30.0
_CONFIG = """[circus]
endpoint = ipc://{folder}/circus.sock
pubsub_endpoint = ipc://{folder}/events.sock
stats_endpoint = ipc://{folder}/stats.sock
statsd = True
[watcher:sleeper]
cmd = sleep 3600
numprocesses = {processes}
"""


@contextmanager
def watched(folder: Path, peers: Peers) -> Iterator[list[str]]:
    """The command of circus-top, with what it is to show."""
    folder.mkdir()
    config = folder / "circus.ini"
    config.write_text(_CONFIG.format(folder=folder, processes=PROCESSES))
    with (folder / "log").open("wb") as log:
        command = [str(peers.python.with_name("circusd")), "--log-level", "error", str(config)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        eventually((folder / "stats.sock").exists, _UP_SECONDS, lambda: f"circusd: {(folder / 'log').read_text()[-2000:]}")
        yield [str(peers.python.with_name("circus-top")), "--endpoint", f"ipc://{folder}/stats.sock"]
    finally:
        process.terminate()
        process.wait(_DOWN_SECONDS)

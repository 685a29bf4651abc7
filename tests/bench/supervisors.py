"""Other supervisors, each keeping `contenders.answering` alive with its own defaults."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.contenders.answering import pid_file
from tests.bench.peers import ROOT, Peers
from tests.bench.restarts import answers
from tests.waiting import eventually

NAMES = ("supervisor", "circus")
"""As they are imported."""

_UP_SECONDS = 60.0
_DOWN_SECONDS = 20.0

_SUPERVISORD = """[supervisord]
nodaemon=true
logfile=/dev/null
logfile_maxbytes=0
pidfile={folder}/supervisord.pid
[program:a]
command={command}
autorestart=true
"""
_CIRCUS = """[circus]
endpoint = ipc://{folder}/circus.sock
pubsub_endpoint = ipc://{folder}/circus-events.sock
[watcher:a]
cmd = {command}
copy_env = True
"""
_RUN = """#!/bin/sh
exec {command}
"""


class Other:
    """A program kept alive by another supervisor."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir

    def pid(self) -> int:
        return int(pid_file(self.run_dir, "a").read_text())


def _supervisor(folder: Path, peers: Peers, command: str) -> list[str]:
    config = folder / "supervisord.conf"
    config.write_text(_SUPERVISORD.format(folder=folder, command=command))
    return [str(peers.python.with_name("supervisord")), "-c", str(config)]


def _circus(folder: Path, peers: Peers, command: str) -> list[str]:
    config = folder / "circus.ini"
    config.write_text(_CIRCUS.format(folder=folder, command=command))
    return [str(peers.python.with_name("circusd")), "--log-level", "error", str(config)]


def _runit(folder: Path, _peers: Peers, command: str) -> list[str]:
    service = folder / "service"
    service.mkdir()
    run = service / "run"
    run.write_text(_RUN.format(command=command))
    run.chmod(0o755)
    return ["runsv", str(service)]


_COMMANDS: dict[str, Callable[[Path, Peers, str], list[str]]] = {"supervisor": _supervisor, "circus": _circus, "runit": _runit}


def there(peers: Peers) -> tuple[str, ...]:
    return (*peers.there, *(("runit",) if shutil.which("runsv") else ()))


@contextmanager
def kept_alive(name: str, peers: Peers, folder: Path) -> Iterator[Other]:
    """Starts a supervisor and its program, until that answers."""
    folder.mkdir()
    command = f"{sys.executable} -m tests.bench.contenders.answering {folder} a"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            _COMMANDS[name](folder, peers, command), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    other = Other(folder)
    try:
        eventually(lambda: answers(folder, "a", 1.0), _UP_SECONDS, lambda: f"{name}: {(folder / 'log').read_text()[-2000:]}")
        yield other
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_DOWN_SECONDS)

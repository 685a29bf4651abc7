"""Processes that hear beats, and the simulated workers that beat: what the bench of the gateway compares."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import psutil

from actors.launcher import Launcher
from actors.process import ProcessOrder
from factory.config import Settings
from factory.paths import Paths, fresh_folder, prepare
from factory.transport.curve import KeyPair
from factory.wiring_actors import run_actor
from factory.wiring_site import Site
from tests.bench.peers import ROOT
from tests.remote_worker import free_port
from tests.waiting import eventually

WINDOW_SECONDS = 1.5
UNANSWERED = 4
"""Messages that a worker of a flood has under way."""

_SECONDS = 60.0
_KIB = 1024


class Program:
    """A program of `contenders/` that is asked line by line."""

    def __init__(self, stack: ExitStack, name: str, *words: str) -> None:
        command = [sys.executable, "-m", f"tests.bench.contenders.{name}", *words]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        stack.callback(self._end)

    def ask(self, what: object = None) -> dict[str, Any]:
        if what is not None:
            self.say(what)
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def say(self, what: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()

    def _end(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=_SECONDS)


@dataclass(frozen=True, slots=True)
class Heard:
    """Whoever hears the workers: the process whose work it is, who tells what was processed, and the workers."""

    process: psutil.Process
    taken: Program
    workers: Program
    memory: float
    """KiB of one connection."""

    def beats(self, spans: list[float]) -> float:
        """The share of a core in percent, while each beats once a second. Notes the 99th of a hundred spans in ms."""
        self.taken.ask("forget")
        before = _spent(self.process)
        done = self.workers.ask({"beats": 1.0, "seconds": WINDOW_SECONDS})
        share = (_spent(self.process) - before) / float(done["seconds"]) * 100
        eventually(lambda: self.taken.ask("tell")["count"] == done["count"], _SECONDS, lambda: f"{done['count']} beats arrive")
        spans.append(self.taken.ask("tell")["p99"])
        return share

    def flood(self) -> float:
        """Answers a second."""
        done = self.workers.ask({"window": UNANSWERED, "seconds": WINDOW_SECONDS})
        return float(done["count"] / done["seconds"])


def _spent(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))


def _crowd(stack: ExitStack, process: psutil.Process, taken: Program, told: Mapping[str, Any], keys: Mapping[str, KeyPair]) -> Heard:
    """Makes the workers, lets them all in, and sees what that took of memory."""
    before = process.memory_info().rss
    workers = Program(stack, "beating")
    workers.ask({**told, "workers": {name: [pair.public, pair.secret] for name, pair in keys.items()}})
    heard = Heard(process, taken, workers, 0.0)
    heard.beats([])
    return Heard(process, taken, workers, max(process.memory_info().rss - before, 0) / _KIB / len(keys))


@contextmanager
def bare(kind: Literal["pull", "router"], keys: Mapping[str, KeyPair]) -> Iterator[Heard]:
    """Nothing but a socket."""
    with ExitStack() as stack:
        taken = Program(stack, "bare_beats", kind)
        told = taken.ask()
        yield _crowd(stack, psutil.Process(taken.process.pid), taken, {**told, "pull": kind == "pull"}, keys)


@contextmanager
def gateway(keys: Mapping[str, KeyPair]) -> Iterator[Heard]:
    """The factory's own process, with one beside it that plays the actors of all workers."""
    folder, port = fresh_folder("bench-"), free_port()
    paths = Paths(folder / "data", folder / "run")
    prepare(paths)
    settings = Settings(worker_listen=f"tcp://127.0.0.1:{port}", heartbeat=1.0)
    site = Site(settings, paths, "bench", "unconfined", "unconfined", folder / "log")
    told = {"endpoint": settings.worker_listen, "key": KeyPair.obtain(site.gateway_key).public, "pull": False}
    launcher = Launcher(run_actor, preload=("actors.lean", "factory.wiring", "actors.preload"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        stack.callback(launcher.stop)
        taken = Program(stack, "beats_taken", str(paths.run))
        taken.ask({name: pair.public for name, pair in keys.items()})
        child = launcher.start(ProcessOrder("gateway", "gateway", paths.run, site))
        try:
            yield _crowd(stack, psutil.Process(child.pid), taken, told, keys)
        finally:
            child.send(signal.SIGTERM)
            child.process.join(_SECONDS)


def pin(process: psutil.Process) -> None:
    """All its threads to one core."""
    core = min(os.sched_getaffinity(0))
    for thread in process.threads():
        os.sched_setaffinity(thread.id, {core})


def key_pairs(count: int) -> dict[str, KeyPair]:
    """By worker, as the factory calls them."""
    return {f"{number:010d}-1": KeyPair.generate() for number in range(count)}

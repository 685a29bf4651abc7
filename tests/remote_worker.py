"""Another machine, as a process of this one: `factory-worker` in a folder of its own, which can be started, killed and looked into."""

import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from factory.protocol.commands import SteerHost
from tests.real_factory import RealFactory
from tests.waiting import eventually

SECONDS = 60.0


def free_port() -> int:
    """A port whose neighbour is free as well: enrolment has the one above. Below those that the kernel gives to whoever asks for any."""
    for port in random.SystemRandom().sample(range(15_000, 30_000, 2), 100):
        with socket.socket() as first, socket.socket() as second, suppress(OSError):
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1))
            return port
    raise AssertionError("there are no two free ports beside each other")


def remote_settings(port: int, **more: str) -> dict[str, str]:
    """Of a factory all of whose workers are elsewhere."""
    return {
        "FACTORY_WORKER_LISTEN": f"tcp://127.0.0.1:{port}",
        "FACTORY_WORKER_ADDRESS": "127.0.0.1",
        "FACTORY_MAX_WORKERS": "0",
        **more,
    }


def join_line(factory: RealFactory, name: str, labels: tuple[str, ...] = ()) -> list[str]:
    """Address and token."""
    reply = eventually(
        lambda: found if (found := factory.ask(SteerHost(os.urandom(8).hex(), "enroll", name, "test", labels))).code == "ok" else None,
        SECONDS,
        "the factory takes hosts",
    )
    words: list[str] = reply.data["line"].split()
    return words[2:]


class RemoteWorker:
    """One machine.

    Args:
        inside: words before each command, as `ip netns exec NAME`.
        host, isolation: what workers run in there.
        program: the module that is `factory-worker` there.
    """

    def __init__(
        self, folder: Path, name: str, inside: tuple[str, ...] = (), environment: Mapping[str, str] | None = None, host: str = "process", *,
        program: str = "factory.worker_cli", isolation: str = "unconfined",
    ) -> None:  # fmt: skip
        self.name, self.inside, self._host, self._program, self._isolation = name, inside, host, program, isolation
        # Short, since a socket is in it, and below the factory's, which ends and removes all that mentions it.
        self.data = folder / f"w-{name}"
        self.environment = {**os.environ, **(environment or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self._log = folder / f"w-{name}.log"

    def join(self, address: str, token: str, *more: str) -> subprocess.CompletedProcess[str]:
        words = [*self._command("join"), address, token, "--data", str(self.data), "--isolation", self._isolation, *more]
        return subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, env=self.environment, check=False)

    def start(self, capacity: int = 2, *more: str) -> None:
        words = [*self._command("run"), "--data", str(self.data), "--isolation", self._isolation, "--capacity", str(capacity), *more]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment, start_new_session=True
            )

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def end(self) -> None:
        """For a test that is over, in whatever way."""
        self._end(signal.SIGKILL)

    def log(self) -> str:
        return self._log.read_text()[-4000:] if self._log.exists() else ""

    def agents(self) -> list[str]:
        """Names of workers whose process is there."""
        marks = {path.name: f"FACTORY_WORKER_DIR={path}" for path in (self.data / "workers").glob("*-*")}
        return [name for name, mark in marks.items() if any(_has(process, mark) for process in psutil.process_iter())]

    def _command(self, word: str) -> list[str]:
        return [*self.inside, sys.executable, "-P", "-m", self._program, word, "--host", self._host]

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(timeout=SECONDS)
            self.process = None


def _has(process: psutil.Process, mark: str) -> bool:
    try:
        return mark in [f"{name}={value}" for name, value in process.environ().items()]
    except psutil.Error:
        return False


def enrolled(
    factory: RealFactory, name: str, capacity: int = 2, worker: RemoteWorker | None = None, labels: tuple[str, ...] = ()
) -> RemoteWorker:
    """A machine that has joined and works for the factory."""
    worker = worker or RemoteWorker(factory.folder, name)
    done = worker.join(*join_line(factory, name, labels))
    assert done.returncode == 0, done.stderr
    worker.start(capacity)
    is_here(factory, worker)
    return worker


def is_here(factory: RealFactory, worker: RemoteWorker) -> None:
    def there() -> bool:
        hosts = {host["name"]: host for host in factory.view("hosts")["hosts"]}
        return hosts[worker.name]["seen_ago"] is not None and hosts[worker.name]["seen_ago"] < 5

    eventually(there, SECONDS, lambda: f"{worker.name} is seen: {worker.log()} {factory.log()}")

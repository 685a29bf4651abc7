"""Process hosts for tests, whose workers run Python text."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from factory.errors import HostUnavailable
from factory.integrations.process_host import ProcessHost
from factory.integrations.process_host_choice import Choice
from factory.integrations.process_host_records import Records
from factory.integrations.process_host_table import boot_id
from factory.worker_ports import Life, Observed, WorkerOrder
from tests.contract.worker_hosts import readable_python, worker_root
from tests.fakes.clock import ManualClock
from tests.waiting import eventually

_ROOT = Path(__file__).resolve().parents[2]
GRACE_SECONDS = 30.0
"""Only waited for in full where the test fails."""
RUN_SECONDS = 60
WAIT = "import signal\nwhile True: signal.pause()\n"


@dataclass(frozen=True, slots=True)
class Bench:
    """One root and one way, with hosts whose workers run Python text."""

    root: Path
    python: Path
    choice: Choice

    def host(self, instance: str = "test", *, network: bool = True) -> ProcessHost:
        command = (str(self.python), "-I", "-c")
        return ProcessHost(self.root, instance, self.python, self.choice, ManualClock(), command=command, network=network)

    def folder(self, name: str = "w") -> Path:
        return self.root / name

    def records(self) -> Records:
        return Records(self.root / ".meta")


def benches(choice: Choice) -> Iterator[Bench]:
    python = readable_python() if choice == "uid" else Path(sys.executable)
    with worker_root() as root:
        bench = Bench(root.resolve(), python, choice)
        try:
            _ = bench.host().isolation
        except HostUnavailable as error:
            pytest.skip(f"{choice} does not work here: {error}")
        yield bench


def order(text: str, name: str = "w", **given: object) -> WorkerOrder:
    return replace(WorkerOrder(name, (text,), {}), **given)  # type: ignore[arg-type]  # the test's own keywords


def output(bench: Bench, text: str, name: str = "w") -> str:
    """What a worker that runs to its end printed."""
    host = bench.host()
    host.start(order(text, name))
    eventually(lambda: host.poll(name).life is Life.EXITED)
    assert host.poll(name).code == 0, host.log(name, 10_000)
    return host.log(name, 100_000).decode()


def pid(observed: Observed) -> int:
    assert observed.pid is not None
    return observed.pid


def has_own_uid(bench: Bench) -> bool:
    return bench.choice != "unconfined" and os.geteuid() == 0


def make_an_intent_of(bench: Bench) -> None:
    """Puts the record back to what it was before the spawn."""
    now = bench.records().read("w")
    assert now
    with bench.records().locked():
        bench.records().write(replace(now, pid=None, started=None, ended=False, code=None, reason="", boot=boot_id()))


def in_another_process(bench: Bench, text: str) -> Observed:
    """Runs the text with a host of this bench in a process that has ended when this returns."""
    program = f"""
import sys
sys.path.insert(0, {str(_ROOT)!r})
from pathlib import Path
from tests.integration.process_hosts import Bench
from factory.worker_ports import WorkerOrder
host = Bench(Path({str(bench.root)!r}), Path({str(bench.python)!r}), {bench.choice!r}).host()
{text}
"""
    subprocess.run((sys.executable, "-c", program), check=True, timeout=RUN_SECONDS, cwd=_ROOT)
    return bench.host().poll("w")

"""A worker's folder with a real repository beside it, engines that are real programs, and a contact that remembers."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from factory.domain.ids import Epoch, ItemId, branch_of, new_item_id, worker_id
from factory.protocol.worker import Assign, GateSpec, Phase
from worker_agent.attempt import Ending
from worker_agent.contact import Data, Ended, Stream
from worker_agent.folders import Folders
from worker_agent.loop import run_attempt
from worker_agent.worksite import Site

SPEC = "# Count to two\n\n- [ ] one\n- [ ] two\n"
_GIT_SECONDS = 60
_numbers = itertools.count()

# What engines are made of: a program that finds these names defined.
_PRELUDE = f"""#!{sys.executable} -IS
import os, subprocess, sys, time
from pathlib import Path
env = os.environ
spec, notes, turn = Path(env["FACTORY_SPEC"]), Path(env["FACTORY_NOTES"]), int(env["FACTORY_ITERATION"])
def tick(count=1):
    spec.write_text(spec.read_text().replace("[ ]", "[x]", count))
def git(*words):
    subprocess.run(("git", *words), check=True, timeout=60)
def commit(name="work.txt"):
    with open(name, "a") as file:
        file.write(f"{{turn}}\\n")
    git("add", "-A")
    git("commit", "-qm", f"turn {{turn}}")
"""


class SystemClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> float:
        return time.time()  # noqa: TID251 - the tests' own adapter


def git(folder: Path, *words: str) -> str:
    identity = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    environment = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    done = subprocess.run(["git", *words], cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=_GIT_SECONDS)
    return done.stdout.strip()


def make_mirror(folder: Path, files: dict[str, str] | None = None) -> tuple[Path, str]:
    """A bare repository as delivery keeps it, and the commit of its branch `main`."""
    tree, mirror = folder / "tree", folder / "mirror.git"
    git(folder, "init", "-q", "-b", "main", str(tree))
    for name, text in {"README.md": "hello\n", **(files or {})}.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "start")
    git(folder, "clone", "-q", "--bare", str(tree), str(mirror))
    return mirror, git(tree, "rev-parse", "HEAD")


@dataclass
class Recorder:
    """A contact. `stop_when` ends the attempt at the next tick at which it is true; `hold_when` holds it."""

    stop_when: Callable[["Recorder"], bool] = lambda _: False
    hold_when: Callable[["Recorder"], bool] = lambda _: False
    events: list[tuple[str, dict[str, Data]]] = field(default_factory=list)
    logs: dict[Stream, bytes] = field(default_factory=dict)
    places: list[tuple[Phase, int, int]] = field(default_factory=list)
    ticks: int = 0
    told: tuple[str, ...] = ()

    def tick(self, wait: float = 0.0) -> None:
        self.ticks += 1
        if self.stop_when(self):
            raise Ended(3, "enough")

    def must_hold(self) -> bool:
        return self.hold_when(self)

    def at(self, phase: Phase, iteration: int, tokens: int) -> None:
        self.places.append((phase, iteration, tokens))

    def moved(self) -> None:
        """Nobody counts."""

    def notes(self) -> tuple[str, ...]:
        return self.told

    def event(self, kind: str, data: dict[str, Data]) -> None:
        self.events.append((kind, data))

    def log(self, stream: Stream, data: bytes) -> None:
        self.logs[stream] = self.logs.get(stream, b"") + data

    def kinds(self) -> list[str]:
        return [kind.removeprefix("ATTEMPT.") for kind, _ in self.events]


@dataclass
class Workshop:
    """Everything of one attempt. `gates` and the rest of the assignment may be changed before `work`."""

    root: Path
    mirror: Path
    base: str
    contact: Recorder
    site: Site

    @property
    def branch(self) -> str:
        return branch_of(ItemId(self.site.item))

    @property
    def repo(self) -> Path:
        return self.site.folders.repo

    def engine(self, body: str) -> str:
        """An engine that runs this Python text each iteration."""
        path = self.root / f"engine-{next(_numbers)}"
        path.write_text(f"{_PRELUDE}{body}\n")
        path.chmod(0o755)
        return f"command:{path}"

    def assign(self, engine: str, **more: object) -> Assign:
        fields: dict[str, object] = {"title": "Count", "spec": SPEC, "source": str(self.mirror), "base_commit": self.base}
        fields |= {"branch": self.branch, "base_branch": "main", "engine": engine, "iteration_timeout": 60.0, **more}
        return Assign(**fields)  # type: ignore[arg-type] # the names and values of the tests

    def work(self, body: str, **more: object) -> Ending:
        """Runs an attempt with an engine of this text."""
        return self.run(self.assign(self.engine(body), **more))

    def run(self, assign: Assign) -> Ending:
        return run_attempt(assign, self.site, ready=lambda _workspace: None)

    def git(self, *words: str) -> str:
        return git(self.repo, *words)


def make_workshop(root: Path, files: dict[str, str] | None = None) -> Workshop:
    mirror, base = make_mirror(root, files)
    folders = Folders(root / "W")
    folders.inbox.mkdir(parents=True)
    folders.make()
    contact = Recorder()
    # An item of its own for each test: a sweep looks for the worker's name in all processes of the machine.
    item = new_item_id()
    site = Site(folders, worker_id(item, Epoch(1)), item, 1, contact, SystemClock())
    return Workshop(root, mirror, base, contact, site)


def gate(name: str, command: str, *, required: bool = True, timeout: float = 60.0) -> GateSpec:
    return GateSpec(name, command, timeout, required)

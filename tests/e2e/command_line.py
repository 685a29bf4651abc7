"""The command line as a person uses it: real processes, a real factory, a real repository of their own."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from factory.cli.client import view
from factory.paths import Paths, fresh_folder, running_root
from tests.clusters import give_cluster
from tests.waiting import eventually

SECONDS = 90
"""The bound on one command: a database is made, processes start, workers work, on a busy machine."""

AGENT = """#!/bin/sh
set -e
line=$(grep -n -m1 -- '- \\[ \\]' "$FACTORY_SPEC" | cut -d: -f1)
[ ! -e "$(dirname "$0")/hold" ] || while [ -e "$(dirname "$0")/hold" ]; do sleep 0.05; done
echo "line $line" >> out.txt
echo "the agent worked on line $line"
git add out.txt
git commit -qm "task $line"
sed -i "${line}s/\\[ \\]/[x]/" "$FACTORY_SPEC"
"""
GIVES_UP = """#!/bin/sh
echo "this cannot be done" > "$FACTORY_NOTES/stuck.md"
"""
SPEC = "# Say hello\n\n- [ ] one\n- [ ] two\n"

SETTINGS = {
    "FACTORY_HEARTBEAT": "500ms",
    "FACTORY_COOLDOWN": "0s",
    "FACTORY_MIN_FREE_DISK": "1m",
    "FACTORY_RETRY_STUCK": "false",
    "FACTORY_START_TIMEOUT": "30s",
    # Where workers are kept apart differs by machine, and is tested where hosts are.
    "FACTORY_ISOLATION": "unconfined",
}


class Person:
    """Somebody with a repository, a spec and an agent, at a terminal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = Paths(folder / "data", folder / "run")
        self.environment = {**os.environ, **SETTINGS, "FACTORY_DATA": str(self.paths.data), "FACTORY_RUN": str(self.paths.run)}
        self.repo = self._repository()
        self.agent = self._program("agent.sh", AGENT)
        self.spec = folder / "SPEC.md"
        self.spec.write_text(SPEC)
        self.hold = folder / "hold"

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-P", "-m", "factory.cli", *words]

    def says(self, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command to its end."""
        return subprocess.run(
            self.command(*words),
            env={**self.environment, **environ},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    def starts(self, *words: str) -> "subprocess.Popen[str]":
        """Starts a command in a process group of its own, as a shell does."""
        return subprocess.Popen(
            self.command(*words),
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )

    def reads(self, *words: str) -> dict[str, Any]:
        done = self.says(*words, "--json")
        assert done.returncode == 0, done.stderr
        read: dict[str, Any] = json.loads(done.stdout)
        return read

    def told(self, what: str, target: str = "") -> dict[str, Any]:
        """What the command line is told before it prints. For waiting: a process for each look would take a core from what is awaited."""
        seen: dict[str, Any] = view(self.paths, what, target)
        return seen

    def status_of(self, item: str) -> str:
        return str(self.told("item", item)["item"]["status"])

    def work(self) -> list[str]:
        """What to work on, as options."""
        return ["--repo", "repo", "--spec", "SPEC.md", "--engine", "command:./agent.sh"]

    def use_agent(self, text: str) -> None:
        self._program("agent.sh", text)

    def branches(self) -> dict[str, str]:
        listed = self.git("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
        return dict(line.split(" ", 1) for line in listed.splitlines())

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=Person", "-c", "user.email=person@example.org"]
        done = subprocess.run(["git", *identity, *arguments], cwd=self.repo, capture_output=True, text=True, check=True, timeout=SECONDS)
        return done.stdout

    def left_over(self) -> list[str]:
        """Processes that have to do with this folder."""
        return [f"{process.pid} {_line(process)}" for process in psutil.process_iter() if self._concerns(process)]

    def clean_up(self) -> None:
        """Ends whatever a failed test left."""
        self.hold.unlink(missing_ok=True)
        root = running_root(self.paths)
        if root is not None:
            os.kill(root, signal.SIGTERM)
            with suppress(AssertionError):
                eventually(lambda: running_root(self.paths) is None, SECONDS)
        for process in filter(self._concerns, psutil.process_iter()):
            with suppress(psutil.Error):
                process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _concerns(self, process: psutil.Process) -> bool:
        if process.pid == os.getpid():
            return False
        with suppress(psutil.Error):
            environ = process.environ()
            return str(self.folder) in _line(process) or environ.get("FACTORY_DATA") == str(self.paths.data)
        return False

    def _repository(self) -> Path:
        self.repo = self.folder / "repo"
        self.repo.mkdir()
        self.git("init", "-q", "-b", "trunk")
        (self.repo / "README").write_text("hello\n")
        self.git("add", ".")
        self.git("commit", "-qm", "first")
        return self.repo

    def _program(self, name: str, text: str) -> Path:
        program = self.folder / name
        program.write_text(text)
        program.chmod(0o755)
        return program


@contextmanager
def person(*, new: bool = True) -> Iterator[Person]:
    """Args:
    new: nothing was ever started on the data folder, which is not there yet; else its database is there as the first start leaves it.
    """
    one = Person(fresh_folder("factory-e2e-"))
    try:
        if not new:
            give_cluster(one.paths.postgres)
        yield one
    finally:
        one.clean_up()


def interrupted(process: "subprocess.Popen[str]", number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
    """Sends the signal as a terminal does, to the whole group, and returns exit code, stdout and stderr."""
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=SECONDS)
    return process.returncode, out, err


def _line(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""

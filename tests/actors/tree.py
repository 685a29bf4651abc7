"""A tree of sample actors in real processes, as a test sees it."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import psutil

from factory.errors import ActorUnavailable
from factory.protocol import mailbox as mail
from factory.protocol.commands import Reply, SteerActor
from factory.transport.mailbox_link import MailboxClient
from tests.actors.sample import Diary
from tests.architecture.sources import ROOT
from tests.waiting import eventually

BOUND_SECONDS = 60.0
"""For anything that real processes do; it costs only where a test fails."""

_MARK = "FACTORY_HOLD_DIR"
"""One of the few variables that the root hands on to its children."""


class Tree:
    """One root process and all that it starts; they are known by a variable of their environment."""

    def __init__(self, run_dir: Path, specs: list[dict[str, Any]], options: dict[str, Any]) -> None:
        self.run_dir = run_dir
        self.diary = Diary(run_dir / "diary")
        self.mailbox = MailboxClient(run_dir)
        self._errors = (run_dir / "stderr").open("wb")
        self.root = subprocess.Popen(
            [sys.executable, "-m", "tests.actors.root", str(run_dir), json.dumps(specs), json.dumps(options)],
            cwd=ROOT,
            env={**os.environ, _MARK: str(run_dir)},
            stdin=subprocess.DEVNULL,
            stdout=self._errors,
            stderr=self._errors,
        )

    def up(self) -> "Tree":
        eventually(lambda: "up" in self.diary.lines() or self.root.poll() is not None, BOUND_SECONDS, self.described)
        assert self.root.poll() is None, self.described()
        return self

    def ask(self, name: str, question: object, seconds: float = BOUND_SECONDS) -> Any:
        return self.mailbox.ask(name, question, seconds)

    def insist(self, name: str, question: object) -> Any:
        """Asks again until there is an answer: a question that a dying process had taken is lost, which callers must expect."""

        def answer() -> Any:
            try:
                return self.ask(name, question, 0.5)
            except ActorUnavailable:
                return None

        return eventually(answer, BOUND_SECONDS, self.described)

    def node(self, name: str) -> mail.Child | None:
        tree = self.ask("supervisor", mail.Children())
        return next((node for node in tree.nodes if node.name == name), None)

    def running(self, name: str, other_than: int | None = None) -> int:
        """Waits until the child runs, in another process than the one given, and returns its pid."""

        def pid() -> int | None:
            node = self.node(name)
            return node.pid if node and node.state == "running" and node.pid != other_than else None

        return eventually(pid, BOUND_SECONDS, self.described) or 0

    def state(self, name: str, state: str) -> mail.Child:
        """Waits until the child is in this state."""

        def found() -> mail.Child | None:
            node = self.node(name)
            return node if node and node.state == state else None

        return eventually(found, BOUND_SECONDS, self.described)

    def steer(self, verb: Literal["stop", "start", "restart"], name: str, command: str = "") -> Reply:
        """Says it as an operator does."""
        reply = self.ask("supervisor", SteerActor(command or secrets.token_hex(8), verb, name, "somebody"))
        assert isinstance(reply, Reply)
        return reply

    def exit_code(self) -> int:
        return self.root.wait(timeout=BOUND_SECONDS)

    def processes(self) -> list[psutil.Process]:
        """All that belong to this tree and are not just waiting to be reaped."""
        return [process for process in psutil.process_iter() if _belongs(process, str(self.run_dir))]

    def fork_server(self) -> psutil.Process:
        children = psutil.Process(self.root.pid).children()
        return next(process for process in children if "forkserver" in " ".join(process.cmdline()))

    def spares(self) -> set[int]:
        """Pids of the processes that were forked and are no child's."""
        known = {node.pid for node in self.ask("supervisor", mail.Children()).nodes}
        return {process.pid for process in self.fork_server().children() if process.status() != psutil.STATUS_ZOMBIE} - known

    def leaves_nothing(self) -> None:
        eventually(lambda: not self.processes(), BOUND_SECONDS, lambda: f"left over: {self.processes()}")

    def described(self) -> str:
        log = self.run_dir / "log"
        parts = [self.run_dir / "stderr", log]
        return "\n".join([*self.diary.lines(), *(part.read_text("utf-8")[-3000:] for part in parts if part.exists())])

    def close(self) -> None:
        self.mailbox.close()
        for process in self.processes():
            with_no_process_ignored(process)
        self.root.wait(timeout=BOUND_SECONDS)
        self._errors.close()


def with_no_process_ignored(process: psutil.Process) -> None:
    try:
        process.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return


def _belongs(process: psutil.Process, run_dir: str) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(_MARK) == run_dir
    except psutil.Error:
        return False


@contextmanager
def grown(*specs: dict[str, Any], **options: Any) -> Iterator[Tree]:
    """Starts a root with these children. The folder's path is short, since it becomes part of a socket's.

    Args:
        options: `policies` of levels, a `heartbeat` and the number of `spares`, see `root`.
    """
    run_dir = Path(tempfile.mkdtemp(prefix="tree-", dir="/tmp"))
    tree = Tree(run_dir, list(specs), options)
    try:
        yield tree
    finally:
        tree.close()
        shutil.rmtree(run_dir)

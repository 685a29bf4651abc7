"""A real factory for tests: its whole tree, its own database server, real git remotes, and the means to kill any part of it.

Everything is in one short folder; all times are multiples of a heartbeat of a quarter of a second.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from actors.durable import durably
from factory.domain.events import LIFECYCLE, fold, item_stream
from factory.domain.ids import ItemId, branch_of, new_item_id
from factory.errors import FactoryUnreachable
from factory.paths import Paths, locate, running_root
from factory.protocol.commands import AnyRequest, Query, Reply, Submit
from factory.storage.database import Database
from factory.storage.embedded import EmbeddedServer
from factory.storage.events import EventReader
from factory.transport.command_client import CommandClient
from tests.clusters import give_cluster
from tests.waiting import eventually

HEARTBEAT = 0.25
SETTLED = 60.0
"""Seconds within which an item must have come to its end after a fault, on a busy machine: the bound, not the expectation."""

AGENT = """#!/bin/sh
set -e
line=$(grep -n -m1 -- '- \\[ \\]' "$FACTORY_SPEC" | cut -d: -f1)
echo "line $line" >> out.txt
git add out.txt
git commit -qm "task $line"
sed -i "${line}s/\\[ \\]/[x]/" "$FACTORY_SPEC"
"""
SPEC = "# Say hello\n\n- [ ] one\n- [ ] two\n- [ ] three\n"

ENVIRONMENT = {
    "FACTORY_HEARTBEAT": f"{int(HEARTBEAT * 1000)}ms",
    "FACTORY_MAX_WORKERS": "3",
    "FACTORY_COOLDOWN": "0s",
    "FACTORY_MIN_FREE_DISK": "1m",
    "FACTORY_DAILY_ITERATIONS": "1000000",
    "FACTORY_SETBACK_BACKOFF": "200ms",
    "FACTORY_ATTEMPT_BACKOFF": "200ms",
    "FACTORY_STOP_GRACE": "500ms",
    # Other processes compete for this machine: what is meant to be tried is death, not slowness.
    "FACTORY_START_TIMEOUT": "20s",
    "FACTORY_ISOLATION": "unconfined",
}


class RealFactory:
    """Starts, asks, kills and inspects one factory."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.holds = folder / "holds"
        self.holds.mkdir()
        self.environment = {
            **os.environ, **ENVIRONMENT, **(settings or {}), "FACTORY_DATA": str(folder / "data"), "FACTORY_RUN": str(folder / "run"),
            "FACTORY_HOLD_DIR": str(self.holds),
        }  # fmt: skip
        self.paths: Paths = locate(self.environment)
        self.agent = self._program("agent.sh", AGENT)
        self.python = Path(sys.executable)
        self.root: subprocess.Popen[bytes] | None = None
        self._log = folder / "up.log"
        self._looking = threading.local()
        self._opened: list[Database] = []

    # -- life ---------------------------------------------------------------------------------------------------------

    def up(self) -> None:
        """Starts it and waits until it answers."""
        self.start()
        eventually(self.answers, 60, lambda: f"the factory answers; its log: {self.log()}")

    def start(self) -> None:
        """Starts its process and waits for nothing."""
        with self._log.open("ab") as log:
            command = [str(self.python), "-P", "-m", "factory.cli", "up"]
            self.root = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment, start_new_session=True
            )

    def ensure_up(self) -> None:
        if not self.runs():
            self.up()

    def runs(self) -> bool:
        return self.root is not None and self.root.poll() is None

    def down(self) -> None:
        """Stops it as an operator would."""
        if self.root is not None and self.runs():
            self.root.send_signal(signal.SIGTERM)
            eventually(lambda: not self.runs(), 60, lambda: f"the factory stops; its log: {self.log()}")

    def clean_up(self) -> None:
        """Ends whatever is left, for tests that failed."""
        for database in self._opened:
            database.close()
        # Again and again: one may just have started another.
        eventually(lambda: not self._killed(), SETTLED, lambda: f"all processes are gone: {self.processes()}")
        if self.root is not None:
            self.root.wait(timeout=30)

    def _killed(self) -> list[psutil.Process]:
        """Those that were still there."""
        found = self.processes()
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        return found

    def log(self) -> str:
        """The last lines of what it printed and logged."""
        files = (self._log, self.paths.logs / "factory.log")
        return "\n".join(path.read_text()[-3000:] for path in files if path.exists())

    # -- what an operator does ----------------------------------------------------------------------------------------

    def ask(self, request: AnyRequest, seconds: float = 5.0) -> Reply:
        client = CommandClient(self.paths.run)
        try:
            return client.ask(request, seconds)
        finally:
            client.close()

    def answers(self) -> bool:
        if not self.runs():
            raise AssertionError(f"the factory ended: {self.log()}")
        try:
            return running_root(self.paths) is not None and self.ask(Query("status")).code == "ok"
        except FactoryUnreachable:
            return False

    def submit(self, remote: Path | str, **changes: Any) -> str:
        item = new_item_id()
        given = {
            "command": f"submit-{item}", "item": item, "repo": str(remote), "base_branch": "main", "title": "Say hello", "spec": SPEC,
            "engine": f"command:{self.agent}",
        }  # fmt: skip
        request = Submit(**{**given, **changes})
        eventually(lambda: self._accepted(request), 30, "the submission is accepted")
        return item

    def _accepted(self, request: Submit) -> bool:
        with suppress(FactoryUnreachable):
            if self.ask(request).code == "ok":
                return True
        # A queue that is held still has it and cannot say so.
        return bool(self.rows("SELECT 1 FROM work_items WHERE id = %s", request.item))

    def view(self, what: Any, target: str = "") -> dict[str, Any]:
        reply = self.ask(Query(what, target))
        assert reply.code == "ok", reply
        data: dict[str, Any] = reply.data
        return data

    def pids(self) -> dict[str, int]:
        """The tree: name → pid, and the server and workers that are not children of it."""
        pids = {node["name"]: node["pid"] for node in self.view("tree")["tree"] if node["pid"]}
        server = EmbeddedServer(self.paths.postgres).postmaster_pid()
        return {**pids, **({"postgres": server} if server else {}), **({"root": self.root.pid} if self.root else {})}

    def agents(self) -> dict[str, int]:
        """Worker name → pid of its agent."""
        records = (json.loads(path.read_text()) for path in (self.paths.workers / ".meta").glob("*-*.json"))
        return {record["name"]: record["pid"] for record in records if record.get("pid")}

    # -- holds --------------------------------------------------------------------------------------------------------

    def hold(self, point: str) -> None:
        (self.holds / f"hold-{point}").touch()

    def release(self, point: str) -> None:
        (self.holds / f"hold-{point}").unlink(missing_ok=True)

    def held(self, point: str) -> bool:
        return any(self.holds.glob(f"at-{point}-*"))

    def forget_holds(self) -> None:
        for path in self.holds.iterdir():
            path.unlink()

    # -- inspection ---------------------------------------------------------------------------------------------------

    @property
    def dsn(self) -> str:
        return EmbeddedServer(self.paths.postgres).dsn

    @contextmanager
    def database(self) -> Iterator[Database]:
        with Database(self.dsn, "test") as database:
            yield database

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        def read() -> list[dict[str, Any]]:
            with self._looked_into().transaction() as cursor:
                # A statement that was prepared is refused once a migration has changed its table.
                return cursor.execute(statement.encode(), values, prepare=False).fetchall()

        # The server may be one of those that were just killed.
        return durably(read, what="the test")

    def _looked_into(self) -> Database:
        """The calling thread's own, kept: a password is made to cost much, and whoever waits would pay it at each look."""
        dsn, kept = self.dsn, self._looking
        if getattr(kept, "dsn", None) != dsn:
            kept.dsn, kept.database = dsn, Database(dsn, "test")
            self._opened.append(kept.database)
        found: Database = kept.database
        return found

    def look_anew(self) -> None:
        """With sessions begun from now on: what is set for a database holds for those."""
        self._looking = threading.local()

    def item(self, item: str) -> dict[str, Any]:
        return self.rows("SELECT * FROM work_items WHERE id = %s", item)[0]

    def settled(self, item: str, status: str = "completed") -> dict[str, Any]:
        """Waits for the item's end; another end than the one expected shows at once."""

        def there() -> dict[str, Any] | None:
            row = self.item(item)
            if row["status"] in {"completed", "failed", "cancelled", "stuck", "needs_approval"} - {status}:
                raise AssertionError(f"{item} is {row['status']}: {row['reason']}; {self.log()}")
            return row if row["status"] == status else None

        return eventually(there, SETTLED, lambda: f"{item} is {status}, it is {self.item(item)}; {self.log()}")

    def processes(self) -> list[psutil.Process]:
        """Everything that carries this factory's folder in its environment or command line."""
        mark = str(self.folder)
        return [process for process in psutil.process_iter() if process.pid != os.getpid() and _mentions(process, mark)]

    def _program(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def remote(self, name: str, files: Mapping[str, str] | None = None) -> Path:
        """A bare remote with one commit on main."""
        remote, work = self.folder / f"{name}.git", self.folder / f"{name}-work"
        work.mkdir()
        for path, text in {"README.md": "hello\n", **(files or {})}.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(text)
        git(self.folder, "init", "-q", "--bare", "-b", "main", str(remote))
        git(work, "init", "-q", "-b", "main")
        git(work, "add", ".")
        git(work, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "first")
        git(work, "push", "-q", str(remote), "main")
        return remote


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True, timeout=30)
    return done.stdout


def _mentions(process: psutil.Process, mark: str) -> bool:
    with suppress(psutil.Error):
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return any(mark in word for word in process.cmdline()) or any(mark in value for value in process.environ().values())
    return False


@contextmanager
def real_factory(settings: Mapping[str, str] | None = None, *, new: bool = False) -> Iterator[RealFactory]:
    """A factory that is not started yet, in a folder that other users may pass through. Nothing of it is left afterwards.

    Args:
        new: its database is not made yet; else it is there as the first start leaves it.
    """
    folder = Path(tempfile.mkdtemp(prefix="ff-"))
    folder.chmod(0o711)
    factory = RealFactory(folder, settings)
    try:
        if not new:
            give_cluster(factory.paths.postgres)
        yield factory
    finally:
        factory.clean_up()
        shutil.rmtree(folder, ignore_errors=True)


# -- invariants (DESIGN.md section 6) ---------------------------------------------------------------------------------


def check_item(factory: RealFactory, item: str, remote: Path) -> None:
    """I1 to I5 and I7 for an item that ended in a pull request."""
    row = factory.item(item)
    requests = factory.rows("SELECT * FROM pull_requests WHERE item = %s", item)
    accepted = factory.rows("SELECT head_commit FROM attempts WHERE item = %s AND epoch = %s", item, row["epoch"])
    refs = {name: commit for commit, name in (line.split() for line in git(remote, "show-ref").splitlines())}

    assert row["status"] == "completed"
    assert len(requests) == 1
    assert requests[0]["head"] == accepted[0]["head_commit"] == refs[f"refs/heads/{branch_of(ItemId(item))}"]
    assert sum(ref.endswith(item) for ref in refs) == 1
    assert git(remote, "log", "--format=%s", f"main..{branch_of(item)}").split("\n")[:-1] == ["task 5", "task 4", "task 3"]  # type: ignore[arg-type]
    assert factory.rows("SELECT * FROM file_locks WHERE item = %s", item) == []
    assert row["attempts"] == 0, f"a kill burnt an attempt: {factory.view('item', item)['attempts']}"
    check_trail(factory, item)


def check_trail(factory: RealFactory, item: str) -> None:
    """I5: no gap, the chain verifies, and folding gives the lifecycle columns."""
    with factory.database() as database:
        reader = EventReader(database)
        events = reader.stream(item_stream(item))
        assert reader.verify(item_stream(item)) is None
    row = factory.item(item)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert fold(event.data for event in events) == {key: row[key] for key in LIFECYCLE}


def left_over(factory: RealFactory, item: str) -> list[str]:
    """I6: what is still there of an item that ended; nothing, a little later."""
    rows = factory.rows("SELECT id FROM workers WHERE work_item_id = %s AND status <> 'dead'", item)
    folders = [path.name for path in factory.paths.workers.iterdir() if item in path.name]
    imports = [path.name for path in factory.paths.imports.iterdir() if item in path.name]
    processes = [f"{process.pid} {process.name()}" for process in factory.processes() if _mentions(process, item)]
    return [*(row["id"] for row in rows), *folders, *imports, *processes]

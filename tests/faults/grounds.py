"""A real factory and all around it that can be made to fail: remotes over HTTP, link and database behind proxies, an observer."""

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psutil

from factory.storage.embedded import EmbeddedServer
from factory.transport import sockets
from factory.transport.mailbox_link import mailbox_path
from tests.faults.agents import STEADY
from tests.faults.git_server import LEDGER
from tests.faults.observer import Observer
from tests.faults.proxy import Proxy
from tests.real_factory import RealFactory, git
from tests.waiting import eventually

H = 1.0
"""The heartbeat of the matrix in seconds. Every bound is a multiple of it."""

SETTINGS = {
    "FACTORY_HEARTBEAT": "1s",
    "FACTORY_SETBACK_BACKOFF": "100ms",
    "FACTORY_ATTEMPT_BACKOFF": "100ms",
    "FACTORY_START_TIMEOUT": "12s",
    "FACTORY_STOP_GRACE": "500ms",
}
CANARIES = {"PAYROLL_PASSWORD": "canary-0f6a6ff6e7", "ANTHROPIC_API_KEY": "sk-ant-api03-canary-7d1be2a9c4"}
"""Secrets in the operator's environment. No process but the root needs to know them."""


@dataclass(frozen=True)
class Push:
    """A line of the remote's ledger."""

    ref: str
    old: str
    new: str


class GitServer:
    """Bare repositories over HTTP, in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        program = Path(__file__).with_name("git_server.py")
        self.process = subprocess.Popen([sys.executable, str(program), str(folder)], stdin=subprocess.DEVNULL)
        eventually((folder / "port").exists, 30, "the git server listens")
        self.url = f"http://127.0.0.1:{(folder / 'port').read_text()}"

    def repository(self, name: str, files: Mapping[str, str] | None = None) -> str:
        """A repository with one commit on main; returns its address."""
        bare, work = self.folder / f"{name}.git", self.folder / f"{name}-work"
        work.mkdir()
        for path, text in {"README.md": "hello\n", **(files or {})}.items():
            (work / path).write_text(text)
        git(self.folder, "init", "-q", "--bare", "-b", "main", str(bare))
        git(work, "init", "-q", "-b", "main")
        git(work, "add", ".")
        git(work, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "first")
        git(work, "push", "-q", str(bare), "main")
        return f"{self.url}/{name}.git"

    def path(self, repo: str) -> Path:
        return self.folder / repo.rsplit("/", 1)[1]

    def trouble(self, how: str, part: str = "POST /", times: int = 1, seconds: float = 0.0, status: int = 502) -> None:
        """Lets requests whose `METHOD /path` contains `part` go wrong; a push is `git-receive-pack`, its last request `POST` of that.

        Args:
            how: error_before, reset_before (no effect), error_after, reset_after (the effect happened, the answer is lost), delay
                (after `seconds` it is served); none forgets what is planned.
        """
        self._control({"how": how, "part": part, "times": times, "seconds": seconds, "status": status})

    def fired(self) -> list[dict[str, Any]]:
        """Troubles that came to pass."""
        told: list[dict[str, Any]] = self._control(None)
        return told

    def ledger(self) -> list[Push]:
        """All ref updates by pushes over HTTP, in order."""
        with suppress(FileNotFoundError):
            return [Push(*line.split()) for line in (self.folder / LEDGER).read_text().splitlines()]
        return []

    def close(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def _control(self, order: dict[str, Any] | None) -> Any:
        data = None if order is None else json.dumps(order).encode()
        with urllib.request.urlopen(f"{self.url}/_control", data=data, timeout=10) as answer:  # noqa: S310 - our own server
            return json.loads(answer.read())


class LinkProxy(Proxy):
    """A proxy before the socket that workers reach.

    The gateway's bound socket is given another name, at which it still takes connections, and the proxy listens at its own. A gateway
    that starts anew replaces the proxy's socket, which a thread notices and does the same again.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._real = path, path.with_name("gateway.real")
        self._inode = 0
        self._watching = True
        super().__init__(path.with_name(".proxy"), self._real)
        self._insert()
        self._watcher = threading.Thread(target=self._watch, name="link-proxy", daemon=True)
        self._watcher.start()

    def in_place(self) -> bool:
        """Whether who connects reaches the proxy."""
        with suppress(FileNotFoundError):
            return self._path.stat().st_ino == self._inode
        return False

    def close(self) -> None:
        self._watching = False
        self._watcher.join(5)
        super().close()

    def _watch(self) -> None:
        pause = threading.Event()
        while self._watching:
            if not self.in_place() and self._path.exists():
                self.listen_at(self._path.with_name(".proxy"))
                self._insert()
            pause.wait(0.005)

    def _insert(self) -> None:
        """The gateway's socket gets a second name and ours is renamed over the first: the path is never missing."""
        hidden = self._path.with_name(".proxy")
        self._real.unlink(missing_ok=True)
        self._real.hardlink_to(self._path)
        self._inode = hidden.stat().st_ino
        hidden.rename(self._path)


class OwnServer:
    """A PostgreSQL server that the factory is told of as an own one, reached through a proxy."""

    def __init__(self, folder: Path) -> None:
        self._server = EmbeddedServer(folder / "pg")
        dsn = self._server.start()
        self._dsn = dsn
        parts = urlsplit(dsn)
        given = dict(parse_qsl(parts.query))
        name = f".s.PGSQL.{given['port']}"
        behind = folder / "db"
        behind.mkdir()
        self.proxy = Proxy(behind / name, Path(given["host"]) / name)
        self.dsn = urlunsplit(parts._replace(query=urlencode({**given, "host": str(behind)})))

    @property
    def direct_dsn(self) -> str:
        return self._dsn

    @property
    def pid(self) -> int | None:
        return self._server.postmaster_pid()

    def start(self) -> None:
        """Brings it back after its end."""
        self._server.start()

    def close(self) -> None:
        self.proxy.close()
        self._server.stop()


class Site(RealFactory):
    """One factory, its surroundings, and what is known of its normal state.

    Args:
        settings: further settings of the factory, as environment variables.
        own_database: an own server behind a proxy (`database`), not the embedded one.
        link: whether workers reach the gateway through a proxy (`link_proxy`).
    """

    def __init__(self, settings: Mapping[str, str] | None = None, *, own_database: bool = False, link: bool = False) -> None:
        folder = Path(tempfile.mkdtemp(prefix="fault-"))
        folder.chmod(0o711)
        self.own = OwnServer(folder) if own_database else None
        address = {"FACTORY_DATABASE_URL": self.own.dsn} if self.own else {}
        super().__init__(folder, {**SETTINGS, **CANARIES, **address, **(settings or {})})
        self.git = GitServer(folder / "git")
        self.repo = self.git.repository("sample")
        self.signs = folder / "agent"
        self.signs.mkdir(mode=0o777)
        self.signs.chmod(0o777)
        self.agent = self.program("steady.sh", STEADY)
        self.accepted: list[str] = []
        self.link_proxy: LinkProxy | None = None
        self._wants_link = link
        self.observer: Observer | None = None
        self.descriptors: dict[str, int] = {}
        self.keep = False
        self.started_at = 0.0

    # -- life ---------------------------------------------------------------------------------------------------------

    def up(self) -> None:
        supervisor = mailbox_path(self.paths.run, "supervisor")
        before = _inode(supervisor)
        self.start()
        # A start is measured from here: the imports before it take as long as the machine is busy, and are no recovery.
        eventually(lambda: _inode(supervisor) not in {before, None} or not self.runs(), 60, "the supervisor listens")
        self.started_at = time.monotonic()
        eventually(self.answers, 60, lambda: f"the factory answers; its log: {self.log()}")
        if self._wants_link and self.link_proxy is None:
            self.link_proxy = LinkProxy(self.paths.link / "gateway.sock")
        if self.observer is None:
            sockets.make_folder(self.paths.run)
            self.observer = Observer(self.paths.run, H, [*CANARIES.values(), self.database_password()])

    def close(self) -> None:
        """Ends everything; the folder stays where it is to be looked at."""
        if self.observer:
            self.observer.close()
        if self.link_proxy:
            self.link_proxy.close()
        self.git.close()
        if self.own:
            self.own.proxy.close()
        self.clean_up()
        if self.own:
            self.own.close()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def refresh(self) -> None:
        """As new for the next scenario: it runs, and nothing that a scenario arranged is left."""
        self.ensure_up()
        self.forget_holds()
        for sign in self.signs.iterdir():
            sign.unlink()
        self.git.trouble("none")
        for proxy in (self.link_proxy, self.own.proxy if self.own else None):
            if proxy:
                proxy.heal()
        eventually(self.answers, 60, "the factory answers")

    # -- parts --------------------------------------------------------------------------------------------------------

    @property
    def dsn(self) -> str:
        return self.own.direct_dsn if self.own else super().dsn

    def database_password(self) -> str:
        folder = self.folder / "pg" if self.own else self.paths.postgres
        return (folder / "pgpass").read_text().strip().rpartition(":")[2]

    def postmaster(self) -> int:
        pid = self.own.pid if self.own else EmbeddedServer(self.paths.postgres).postmaster_pid()
        assert pid is not None, "the database server runs"
        return pid

    def program(self, name: str, text: str, **values: object) -> Path:
        """An agent; `{folder}` in its text is where its signs are."""
        return self._program(name, text.format(folder=self.signs, **values))

    def say(self, sign: str) -> None:
        """Makes a sign that agents look for, such as `wait`."""
        (self.signs / sign).touch()

    def unsay(self, sign: str) -> None:
        (self.signs / sign).unlink(missing_ok=True)

    def surroundings(self) -> set[int]:
        """Processes that belong to the test and not to the factory."""
        pids = {self.git.process.pid}
        if self.own and self.own.pid:
            server = psutil.Process(self.own.pid)
            pids |= {server.pid, *(child.pid for child in server.children(recursive=True))}
        return pids


def _inode(path: Path) -> tuple[int, int] | None:
    """Which file it is: a socket that is bound anew may get the inode of the one before, but not its time."""
    with suppress(FileNotFoundError):
        status = path.stat()
        return status.st_ino, status.st_mtime_ns
    return None

"""The hook as a process of its own, over a real socket: what lets an edit pass, and that nothing else does."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from factory.domain.locks import in_the_way
from factory.protocol.worker import Lock, LockAnswer
from tests.integration.worker_agent.factory_peer import FactoryPeer, start_agent
from tests.integration.worker_agent.workshop import Workshop
from tests.waiting import eventually
from worker_agent.engines.claude_hook import hook_settings
from worker_agent.folders import Folders
from worker_agent.lock_desk import LockDesk
from worker_agent.lock_hook import MOST_BYTES
from worker_agent.lock_paths import Ground
from worker_agent.lock_server import HOOK, LockServer, socket_path

SECONDS = 60
ALLOWED, DENIED = 0, 2


class Site:
    """A worker's folder, its lock server, and a factory that answers as `others` says: file → who holds it."""

    def __init__(self, root: Path, others: dict[str, str]) -> None:
        self.folders = Folders(root)
        self.folders.make()
        self.repo = self.folders.repo
        self.repo.mkdir()
        self.asked: list[tuple[str, ...]] = []
        self.others = others
        self.desk = LockDesk(self._send)
        self.server = LockServer(self.socket, Ground(self.repo, (self.repo / "SPEC.md", self.folders.tmp)), self.desk)

    @property
    def socket(self) -> Path:
        return socket_path(self.folders)

    def edits(self, path: str) -> "subprocess.CompletedProcess[str]":
        return run_hook(self.socket, event(str(self.repo / path), str(self.repo)))

    def _send(self, lock: Lock) -> None:
        self.asked.append(lock.files)
        holders = in_the_way(lock.files, self.others, "me-1")
        self.desk.answered(LockAnswer(lock.id, not holders, holders))


@contextmanager
def serving(root: Path, others: dict[str, str] | None = None) -> Iterator[Site]:
    site = Site(root, others or {})
    site.server.start()
    try:
        yield site
    finally:
        site.server.close()


def event(path: str, cwd: str, tool: str = "Edit") -> bytes:
    told = {"hook_event_name": "PreToolUse", "tool_name": tool, "cwd": cwd, "tool_input": {"file_path": path, "old_string": "a"}}
    return json.dumps(told).encode()


def run_hook(path: Path, stdin: bytes, seconds: str = "30") -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(HOOK), str(path), seconds], input=stdin, capture_output=True, check=False, timeout=SECONDS
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@contextmanager
def impostor(path: Path, answer: bytes | None) -> Iterator[None]:
    """Somebody else on the socket: says this to each question, or takes the question and says nothing."""
    leave = threading.Event()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    listener.settimeout(SECONDS)

    def serve() -> None:
        asking, _ = listener.accept()
        with asking:
            while asking.recv(65_536):
                pass
            if answer is None:
                leave.wait(SECONDS)
            else:
                asking.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        leave.set()
        thread.join(SECONDS)
        listener.close()


def test_a_free_file_may_be_edited_and_is_locked_from_then_on(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        first, second = site.edits("src/a.py"), site.edits("src/a.py")

    assert (first.returncode, first.stderr, second.returncode) == (ALLOWED, "", ALLOWED)
    assert site.asked == [("src/a.py",)], "what is held is not asked for again"


def test_a_locked_file_is_refused_with_the_name_of_who_holds_it(tmp_path: Path) -> None:
    with serving(tmp_path, {"src/a.py": "wi-other-3"}) as site:
        done = site.edits("src/a.py")

    assert done.returncode == DENIED
    assert "src/a.py: wi-other-3" in done.stderr
    assert done.stderr.endswith("the edit was not made.\n")
    assert done.stderr.count("\n") == 1


def test_a_link_to_a_locked_file_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path, {"locked.py": "wi-other-3"}) as site:
        (site.repo / "locked.py").touch()
        (site.repo / "free.py").symlink_to("locked.py")

        done = site.edits("free.py")

    assert done.returncode == DENIED
    assert "locked.py: wi-other-3" in done.stderr


def test_spec_and_scratch_may_be_edited_without_asking_and_the_rest_of_the_machine_not_at_all(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        own = [site.edits(path).returncode for path in ("SPEC.md", f"{site.folders.tmp}/notes.txt")]
        foreign = [site.edits(path) for path in ("/etc/motd", f"{tmp_path}/in/link.key", ".git/config")]

    assert own == [ALLOWED, ALLOWED]
    assert [done.returncode for done in foreign] == [DENIED] * 3
    assert site.asked == []


def test_an_agent_that_is_gone_means_no(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        assert site.edits("a.py").returncode == ALLOWED

    done = site.edits("a.py")

    assert done.returncode == DENIED
    assert not site.socket.exists()


def test_an_attempt_that_is_over_means_no(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        assert site.edits("a.py").returncode == ALLOWED
        site.desk.close()

        done = site.edits("a.py")

    assert done.returncode == DENIED
    assert "leaving" in done.stderr


NO_ANSWERS = [b"", b"allow", b"allow\nmore", b"yes\n", b"deny", b"deny nobody", b"\xff\xfe", b"a" * 100_000]


@pytest.mark.parametrize("answer", NO_ANSWERS, ids=lambda answer: answer[:12])
def test_an_answer_that_is_no_answer_means_no(tmp_path: Path, answer: bytes) -> None:
    path = tmp_path / "s"

    with impostor(path, answer):
        assert run_hook(path, event("/a", "/")).returncode == DENIED


def test_silence_means_no(tmp_path: Path) -> None:
    path = tmp_path / "s"

    with impostor(path, None):
        done = run_hook(path, event("/a", "/"), seconds="0.3")

    assert done.returncode == DENIED
    assert "cannot be asked" in done.stderr


def test_an_event_that_never_ends_means_no(tmp_path: Path) -> None:
    with (
        serving(tmp_path) as site,
        subprocess.Popen(
            [sys.executable, "-I", "-S", str(HOOK), str(site.socket), "0.3"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process,
    ):
        assert process.wait(SECONDS) == DENIED


@pytest.mark.parametrize("data", [b"", b"no json", b'{"tool_name":"Edit"}', b"\0" * 10])
def test_an_event_that_is_none_means_no(tmp_path: Path, data: bytes) -> None:
    with serving(tmp_path) as site:
        assert run_hook(site.socket, data).returncode == DENIED


def test_an_event_of_some_megabytes_is_taken_and_one_beyond_the_bound_is_not(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        whole = json.loads(event(f"{site.repo}/a.py", str(site.repo), "Write"))
        whole["tool_input"]["content"] = "x" * 4_000_000

        assert run_hook(site.socket, json.dumps(whole).encode()).returncode == ALLOWED
        whole["tool_input"]["content"] = "x" * MOST_BYTES
        assert run_hook(site.socket, json.dumps(whole).encode()).returncode == DENIED
        assert site.edits("b.py").returncode == ALLOWED, "the server has lived through it"


def test_wrong_use_means_no(tmp_path: Path) -> None:
    for arguments in ([], ["/nowhere/s", "soon"], ["/nowhere/s", "-1"], ["/nowhere/s", "nan"]):
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(HOOK), *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=SECONDS
        )
        assert done.returncode == DENIED, arguments


def test_a_hook_that_cannot_be_started_or_is_killed_means_no(tmp_path: Path) -> None:
    died = tmp_path / "died"
    died.write_text(f"#!/bin/sh\nkill -{int(signal.SIGKILL)} $$\n")
    died.chmod(0o755)
    for python in (str(tmp_path / "no python"), str(died)):
        settings = hook_settings(python, HOOK, tmp_path / "s")
        command = settings["hooks"]["PreToolUse"][0]["hooks"][0]["command"]

        assert subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False, timeout=SECONDS).returncode == DENIED


def test_many_hooks_at_once_are_answered_one_after_the_other(tmp_path: Path) -> None:
    with serving(tmp_path, {f"f{number}": "wi-other-1" for number in range(0, 12, 2)}) as site:
        done: list[tuple[int, int]] = []
        threads = [threading.Thread(target=lambda n=number: done.append((n, site.edits(f"f{n}").returncode))) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)

    assert sorted(done) == [(number, DENIED if number % 2 == 0 else ALLOWED) for number in range(12)]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the attempt ends with the system's own sentence")
def test_a_folder_too_deep_for_a_socket_is_no_obstacle(tmp_path: Path) -> None:
    with serving(tmp_path.joinpath(*["deep" * 10] * 4)) as site:
        assert len(os.fsencode(site.socket)) > 150

        assert site.edits("a.py").returncode == ALLOWED


def test_what_lies_where_the_socket_goes_is_replaced(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "home").mkdir()
    socket_path(Folders(tmp_path)).symlink_to(victim)

    with serving(tmp_path) as site:
        assert site.edits("a.py").returncode == ALLOWED

    assert victim.read_text() == "mine"


def test_the_hook_needs_nothing_but_the_file_itself(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        alone = tmp_path / "alone.py"
        shutil.copy(HOOK, alone)
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(alone), str(site.socket)],
            input=event(f"{site.repo}/a.py", str(site.repo)), capture_output=True, check=False, timeout=SECONDS, env={},
        )  # fmt: skip

    assert done.returncode == ALLOWED, done.stderr


# -- the whole way: hook, server, agent process, link ------------------------------------------------------------------

EDIT = f"""
import json
def edit(name):
    told = {{"hook_event_name": "PreToolUse", "tool_name": "Edit", "cwd": os.getcwd(), "tool_input": {{"file_path": name}}}}
    hook = [sys.executable, "-I", "-S", {str(HOOK)!r}, env["HOME"] + "/locks.sock", "30"]
    return subprocess.run(hook, input=json.dumps(told).encode(), timeout=60).returncode
"""
ASKS_FOR_THREE = """
print("asked:", edit("free.py"), edit("mine.py"), edit("locked.py"), flush=True)
commit(); tick(2)
"""


def test_an_agent_process_passes_the_question_to_the_factory(workshop: Workshop, tmp_path: Path) -> None:
    peer = FactoryPeer(tmp_path, workshop.site.item)
    peer.holders = {"locked.py": "wi-other-2"}
    peer.open()
    peer.write_link_files(workshop.site.folders.inbox)
    peer.assign = workshop.assign(workshop.engine(EDIT + ASKS_FOR_THREE), locked=("mine.py",))
    process = start_agent(workshop.site.folders.root, workshop.site.worker)
    try:
        assert peer.wait_for_exit(process) == 0
    finally:
        process.kill()
        process.wait(SECONDS)
        peer.close()

    assert b"asked: 0 0 2\n" in peer.log("agent")
    assert b"locked.py: wi-other-2" in peer.log("agent")
    assert {lock.files for lock in peer.of(Lock)} == {("free.py",), ("locked.py",)}
    assert not socket_path(workshop.site.folders).exists()


def test_a_stale_lease_means_no(workshop: Workshop, tmp_path: Path) -> None:
    """The answer to the question is that the lease is over: the agent leaves, and the hook that waits is told no."""
    told = workshop.root / "told"
    peer = FactoryPeer(tmp_path, workshop.site.item)
    peer.lock_result = "stale"
    peer.open()
    peer.write_link_files(workshop.site.folders.inbox)
    peer.assign = workshop.assign(workshop.engine(f'{EDIT}\nPath("{told}").write_text(str(edit("free.py")))'))
    process = start_agent(workshop.site.folders.root, workshop.site.worker)
    try:
        assert peer.wait_for_exit(process) == 3
        eventually(lambda: process.poll() is not None, SECONDS)
    finally:
        process.kill()
        process.wait(SECONDS)
        peer.close()

    assert not told.exists() or told.read_text() == str(DENIED)

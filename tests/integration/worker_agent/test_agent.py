import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from factory.protocol.worker import Accept, Ack, Done, Event, Fail, Hello, Ping, Reject, Stop
from tests.integration.worker_agent.factory_peer import FactoryPeer, start_agent
from tests.integration.worker_agent.workshop import Workshop, gate
from tests.waiting import eventually

_WORKS = "print('counting'); print('tokens: 5'); tick(); commit()"
# Runs until it is ended, and tells the test its number.
_LASTS = "(notes / 'pid').write_text(str(os.getpid())); print('lasting', flush=True); time.sleep(600)"


class Stage:
    """One agent process with its factory."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.folder = workshop.site.folders.root
        self.peer = FactoryPeer(workshop.root, workshop.site.item)
        self.peer.write_link_files(workshop.site.folders.inbox)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, body: str = _WORKS, **more: object) -> "subprocess.Popen[bytes]":
        self.peer.assign = self.workshop.assign(self.workshop.engine(body), **more)
        self.process = start_agent(self.folder, self.peer.worker)
        return self.process

    def lasting(self) -> "tuple[subprocess.Popen[bytes], int]":
        """An agent whose engine runs, and the engine's process number."""
        process = self.start(_LASTS)

        def lasting() -> bool:
            self.peer.turn()
            return b"lasting" in self.peer.log("agent")

        eventually(lasting, 60)
        return process, int((self.workshop.repo / ".ai" / "pid").read_text())

    def close(self) -> None:
        self.peer.close()
        if self.process is not None and self.process.poll() is None:
            # Its engine is in a session of its own, and would go on.
            agent = psutil.Process(self.process.pid)
            for process in (agent, *agent.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            self.process.wait(60)


@pytest.fixture
def stage(workshop: Workshop) -> Iterator[Stage]:
    stage = Stage(workshop)
    stage.peer.open()
    yield stage
    stage.close()


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_an_assignment_becomes_a_bundle_over_the_real_link(stage: Stage) -> None:
    process = stage.start()

    done = stage.peer.wait_for(Done)
    assert stage.peer.wait_for_exit(process) == 0

    assert (done.commits, done.iterations, done.tokens) == (2, 2, 10)
    assert (stage.folder / "out" / done.bundle).stat().st_size == done.size
    assert len(stage.peer.of(Accept)) == 1
    numbers = [event.number for event in stage.peer.of(Event)]
    assert numbers == list(range(1, done.last_event + 1))
    assert stage.peer.log("agent").count(b"counting") == 2


def test_no_result_is_reported_with_its_class(stage: Stage) -> None:
    process = stage.start("tick(0)", stuck_after=1)

    fail = stage.peer.wait_for(Fail)

    assert stage.peer.wait_for_exit(process) == 0
    assert (fail.failure, fail.iterations, fail.last_event) == ("stuck", 1, 3)


_SECRET = "a-key-that-nobody-may-see-0123456789"
_KEEPS_ITS_KEY = """
key = env["MY_AGENT_KEY"]
with open(".git/info/exclude", "a") as file:
    file.write("key.txt\\n")
Path("key.txt").write_text(key)
"""


def _everything(stage: Stage) -> str:
    """What the factory was told, in the order of saying; a log as its reader sees it, in one piece."""
    told = [repr(envelope.body) for envelope in stage.peer.heard]
    logs = [stage.peer.log(stream).decode() for stream in ("agent", "worker", "gate")]
    return "\n".join((*told, *logs))


def _tells(stage: Stage, body: str, **more: object) -> Done | Fail:
    (stage.folder / "in" / "credential.json").write_text(json.dumps({"MY_AGENT_KEY": _SECRET}))
    process = stage.start(_KEEPS_ITS_KEY + body, **more)
    assert stage.peer.wait_for_exit(process) == 0
    return (stage.peer.of(Done) + stage.peer.of(Fail))[-1]


@pytest.mark.parametrize("text", ["key", "'x' * 1955 + key"], ids=["whole", "where it is cut"])
def test_why_an_agent_is_stuck_is_told_without_its_key(stage: Stage, text: str) -> None:
    last = _tells(stage, f"(notes / 'stuck.md').write_text('I am lost with ' + {text})")

    assert isinstance(last, Fail)
    assert last.reason.startswith("The agent says: I am lost with ")
    assert "[hidden]" in last.reason
    assert _SECRET[:12] not in _everything(stage)


@pytest.mark.parametrize(
    "command",
    [
        "cat key.txt; exit 1",
        # In two pieces, each of which shows nothing.
        "head -c 9 key.txt; sleep 0.4; tail -c +10 key.txt; exit 1",
        # The end that is kept begins in the middle of it.
        f"cat key.txt; head -c {16 * 1024 - 20} /dev/zero | tr '\\0' x; exit 1",
    ],
    ids=["whole", "in pieces", "where it is cut"],
)
def test_what_a_gate_prints_is_told_without_the_key(stage: Stage, command: str) -> None:
    body = "if turn == 1: tick(2); commit()"

    last = _tells(stage, body, gates=(gate("shows", command),), max_iterations=1)

    assert isinstance(last, Fail)
    assert b"[hidden]" in stage.peer.log("gate")
    everything = _everything(stage)
    assert _SECRET[:12] not in everything
    assert _SECRET[-12:] not in everything


def test_what_a_gate_printed_is_shown_to_the_next_iteration_without_the_key(stage: Stage) -> None:
    body = "if turn == 1: tick(2); commit()\nelse: print((notes / 'gate-failure.md').read_text())"

    _tells(stage, body, gates=(gate("shows", "cat key.txt; exit 1"),), max_iterations=2)

    assert b"[hidden]" in stage.peer.log("agent")
    assert _SECRET not in (stage.workshop.repo / ".ai" / "gate-failure.md").read_text()


def test_a_learning_is_told_without_the_key(stage: Stage) -> None:
    body = "tick(2); commit(); (notes / 'new-learnings.md').write_text('Use ' + key + '.\\n' + 'y' * 480 + key + '\\n')"

    last = _tells(stage, body)

    assert isinstance(last, Done)
    assert last.learnings == ("Use [hidden].", "y" * 480 + "[hidden]")
    assert _SECRET[:12] not in _everything(stage)


def test_it_beats_while_the_engine_works(stage: Stage) -> None:
    stage.lasting()
    stage.peer.heard.clear()

    def beats() -> bool:
        stage.peer.turn()
        return len(stage.peer.of(Ping)) >= 3

    eventually(beats, 60)
    assert {(ping.phase, ping.iteration) for ping in stage.peer.of(Ping)} == {("running", 1)}


def test_a_changed_file_is_progress(stage: Stage) -> None:
    stage.start("time.sleep(0.1)\nwhile True:\n  Path('a.txt').write_text(str(time.monotonic())); time.sleep(0.1)")

    def rises() -> bool:
        stage.peer.turn()
        counts = [ping.progress for ping in stage.peer.of(Ping) if ping.phase == "running"]
        return len(counts) >= 2 and counts[-1] > counts[0]

    eventually(rises, 60)


def test_an_agent_that_starts_before_its_factory_gets_its_work(stage: Stage) -> None:
    stage.peer.close()
    process = stage.start()
    stage.peer.open()

    assert stage.peer.wait_for_exit(process) == 0
    assert stage.peer.of(Done)


def test_a_restarted_gateway_gets_every_event_and_the_result(stage: Stage) -> None:
    stage.peer.ack = None
    process = stage.start()
    first = stage.peer.wait_for(Done)
    assert len(stage.peer.of(Hello)) == 1

    stage.peer.close()
    stage.peer.heard.clear()
    stage.peer.ack = "ok"
    stage.peer.open()
    stage.peer.wait_for(Event)
    stage.peer.send(Reject("unknown_session", "restarted"))

    assert stage.peer.wait_for_exit(process) == 0
    assert {event.number for event in stage.peer.of(Event)} >= set(range(1, first.last_event + 1))
    hello = stage.peer.of(Hello)[-1]
    assert (hello.state, hello.last_event) == ("done", first.last_event)


@pytest.mark.parametrize("how", ["stale", "stop", "pong"])
def test_a_given_up_agent_ends_its_engine_and_leaves(stage: Stage, how: str) -> None:
    process, engine = stage.lasting()

    if how == "stale":
        stage.peer.send(Ack(1, "stale", "epoch 2"))
    elif how == "stop":
        stage.peer.send(Stop("killed by the operator", 5.0))
    else:
        stage.peer.verdict = "stop"

    assert stage.peer.wait_for_exit(process) == 3
    assert _gone(engine)
    assert stage.peer.of(Done) == []


def test_a_rejected_agent_leaves(stage: Stage) -> None:
    process, engine = stage.lasting()

    stage.peer.send(Reject("revoked", "the key was taken back"))

    assert stage.peer.wait_for_exit(process) == 4
    assert _gone(engine)


def test_sigterm_ends_the_engine(stage: Stage) -> None:
    process, engine = stage.lasting()

    process.send_signal(signal.SIGTERM)

    assert stage.peer.wait_for_exit(process) == 143
    assert _gone(engine)


def test_draining_sends_an_agent_without_work_home_and_lets_the_others_finish(stage: Stage) -> None:
    stage.peer.verdict = "drain"
    process = stage.start()
    stage.peer.assign = None

    assert stage.peer.wait_for_exit(process) == 0
    assert stage.peer.of(Accept) == []


def test_a_wrong_key_gets_no_answer_and_sends_nothing_readable(stage: Stage) -> None:
    assert stage.peer.link is not None
    stage.peer.link.revoke(stage.peer.worker)
    process = stage.start()

    def turned_away() -> bool:
        stage.peer.turn()
        return stage.peer.link is not None and stage.peer.link.turned_away > 0

    eventually(turned_away, 60)
    assert stage.peer.heard == []
    process.send_signal(signal.SIGTERM)
    assert stage.peer.wait_for_exit(process) == 143


def test_an_agent_without_its_files_says_so_and_is_broken(workshop: Workshop) -> None:
    with start_agent(workshop.site.folders.root, workshop.site.worker) as process:
        assert process.wait(60) == 1


def test_the_command_line_names_its_two_modes() -> None:
    shown = subprocess.run([sys.executable, "-I", "-m", "worker_agent", "--help"], capture_output=True, text=True, check=True, timeout=60)
    wrong = subprocess.run([sys.executable, "-I", "-m", "worker_agent"], capture_output=True, check=False, timeout=60)

    assert "{run,verify}" in shown.stdout
    assert wrong.returncode == 2


def test_an_agent_starts_without_the_watcher_and_verification_without_the_socket() -> None:
    text = "import sys, json, worker_agent.agent; print(json.dumps([m for m in ('watchfiles', 'anyio') if m in sys.modules]))"
    verify = "import sys, json, worker_agent.verify; print(json.dumps([m for m in ('zmq', 'watchfiles') if m in sys.modules]))"

    for program in (text, verify):
        shown = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True, timeout=60)
        assert json.loads(shown.stdout) == []

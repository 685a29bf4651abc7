import os
import signal
import sys
from pathlib import Path

import pytest

from tests.integration.worker_agent.workshop import Recorder, Workshop
from tests.waiting import eventually
from worker_agent.contact import Ended
from worker_agent.processes import TAIL_BYTES, Command, Finished, NotStarted, run
from worker_agent.sweep import sweep

_needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="finds processes through /proc")

# Leaves a process behind that no group, session or parent leads to, and tells its number first.
_DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print("daemon", os.getpid(), flush=True)
        time.sleep(600)
    os._exit(0)
os.wait()
"""


def _run(workshop: Workshop, *argv: str, timeout: float = 60.0) -> Finished:
    command = Command(argv, workshop.root, workshop.site.environment, timeout)
    return run(command, workshop.contact, workshop.site.clock, lambda data: workshop.contact.log("agent", data))


def _python(workshop: Workshop, text: str, timeout: float = 60.0) -> Finished:
    return _run(workshop, sys.executable, "-IS", "-c", text, timeout=timeout)


def _pid(text: str) -> int:
    return int(text.split()[1])


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _is_gone(pid: int) -> None:
    # One that was killed has no mark any more as soon as its memory is given back, and is a zombie a moment later.
    eventually(lambda: not _alive(pid), 60, f"{pid} has ended")


def test_output_code_and_time_come_back(workshop: Workshop) -> None:
    finished = _run(workshop, "/bin/sh", "-c", "echo out; echo err >&2; exit 3")

    assert (finished.code, finished.output, finished.timed_out) == (3, "out\nerr\n", False)
    assert workshop.contact.logs["agent"] == b"out\nerr\n"
    assert finished.seconds > 0


def test_of_much_output_the_end_is_kept_and_all_is_handed_on(workshop: Workshop) -> None:
    finished = _python(workshop, "import sys; sys.stdout.write('x' * 5_000_000 + 'end')")

    assert finished.output.endswith("xend")
    assert len(finished.output) == TAIL_BYTES
    assert len(workshop.contact.logs["agent"]) == 5_000_003


def test_a_program_that_closes_its_output_is_waited_for(workshop: Workshop) -> None:
    finished = _python(workshop, "import os, time; os.close(1); os.close(2); time.sleep(0.2); os._exit(4)")

    assert finished.code == 4


@pytest.mark.parametrize("argv", [("/no/such/program",), ("/etc/passwd",), (".",)], ids=["missing", "not executable", "folder"])
def test_what_cannot_be_started_is_said_in_a_sentence(workshop: Workshop, argv: tuple[str, ...]) -> None:
    with pytest.raises(NotStarted, match="cannot be run"):
        _run(workshop, *argv)


def test_too_long_is_ended_with_sigterm_first(workshop: Workshop) -> None:
    finished = _run(workshop, "/bin/sh", "-c", "trap 'echo bye; exit 5' TERM; sleep 600 & wait", timeout=2.0)

    assert (finished.timed_out, finished.code, finished.output) == (True, 5, "bye\n")


def test_a_program_that_ignores_sigterm_is_killed(workshop: Workshop) -> None:
    text = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"

    finished = _python(workshop, text, timeout=2.0)

    assert (finished.timed_out, finished.code) == (True, -signal.SIGKILL)


@_needs_proc
def test_children_of_a_program_that_ended_well_end_too(workshop: Workshop) -> None:
    finished = _run(workshop, "/bin/sh", "-c", "sleep 600 & echo child $!")

    assert finished.code == 0
    _is_gone(_pid(finished.output))


@_needs_proc
def test_daemons_are_swept_up(workshop: Workshop) -> None:
    finished = _python(workshop, _DAEMON)

    _is_gone(_pid(finished.output))


@_needs_proc
def test_a_daemon_that_holds_the_output_open_does_not_hold_us(workshop: Workshop) -> None:
    finished = _python(workshop, _DAEMON, timeout=600)

    assert not finished.timed_out
    assert finished.seconds < 60


@_needs_proc
def test_what_ends_the_wait_ends_the_program_and_its_daemons(workshop: Workshop) -> None:
    workshop.contact.stop_when = lambda contact: b"daemon" in contact.logs.get("agent", b"")

    with pytest.raises(Ended, match="enough"):
        _python(workshop, f"{_DAEMON}\ntime.sleep(600)")

    _is_gone(_pid(workshop.contact.logs["agent"].decode()))


@_needs_proc
def test_held_work_stands_still_and_its_time_too(workshop: Workshop) -> None:
    # It would be over long before the hold is.
    contact = workshop.contact
    started: list[int] = []

    def hold(_: Recorder) -> bool:
        if contact.logs and not started:
            started.append(_pid(contact.logs["agent"].decode()))
        return bool(started) and contact.ticks < 10

    contact.hold_when = hold
    text = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(0.1); print('woken', flush=True)"

    finished = _python(workshop, text, timeout=0.9)

    assert (finished.code, finished.timed_out) == (0, False)
    assert finished.seconds >= 0.5
    assert "woken" in finished.output


@_needs_proc
def test_held_work_can_be_ended(workshop: Workshop) -> None:
    workshop.contact.hold_when = lambda contact: bool(contact.logs)
    workshop.contact.stop_when = lambda contact: contact.ticks > 3

    with pytest.raises(Ended):
        _python(workshop, "import os, time; print('pid', os.getpid(), flush=True); time.sleep(600)")

    _is_gone(_pid(workshop.contact.logs["agent"].decode()))


@_needs_proc
def test_a_sweep_spares_this_process_and_the_other_workers(workshop: Workshop) -> None:
    other = {**os.environ, "FACTORY_WORKER": f"{workshop.site.worker}-other"}
    pid = os.posix_spawn("/bin/sleep", ["sleep", "600"], other)
    try:
        eventually(lambda: b"FACTORY_WORKER" in Path(f"/proc/{pid}/environ").read_bytes())

        assert sweep(workshop.site.worker) == 0

        assert _alive(pid)
        assert sweep(f"{workshop.site.worker}-other") == 1
    finally:
        os.waitpid(pid, 0)

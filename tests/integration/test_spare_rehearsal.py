"""What a spare does before it waits is the way of a real actor, and leaves nothing behind."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from factory.protocol.mailbox import QueueMail
from factory.transport.mailbox_link import MailboxServer, inbox_folder
from factory.wiring_spare import remove_left
from tests.databases import short_folder

_SECONDS = 60
# Twice: what the first left would be in the way of the second.
_PROGRAM = """
import sys
from pathlib import Path
from factory.wiring_spare import rehearse
for _ in range(2):
    rehearse(Path(sys.argv[1]))
"""


@pytest.fixture
def run_dir() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


def test_it_ends_leaves_no_socket_and_says_nothing(run_dir: Path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _PROGRAM, str(run_dir)], capture_output=True, text=True, timeout=_SECONDS, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path for path in run_dir.rglob("*") if not path.is_dir()] == []


def test_it_goes_the_whole_way_of_an_actor_until_the_database_does_not_answer(run_dir: Path):
    watched = f"import sys; seen = set(); sys.setprofile(lambda frame, *_: seen.add(frame.f_code.co_qualname)){_PROGRAM}print(*seen)"

    done = subprocess.run([sys.executable, "-c", watched, str(run_dir)], capture_output=True, text=True, timeout=_SECONDS, check=True)

    steps = {"MailboxServer.drain", "MailboxServer.reply", "HealthDesk.__init__", "Host.run", "WorkerLink.__init__", "connect"}
    assert steps <= set(done.stdout.split())


# Killed in the middle of its rehearsal, or when it is ready: or it is left alone, until its input ends.
_SPARE = """
import os, signal, sys
from pathlib import Path
from factory import wiring_spare
def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "halfway":
    wiring_spare.Host.run = kill
wiring_spare.get_ready(Path(sys.argv[1]))
if sys.argv[2] == "ready":
    kill()
print("ready", flush=True)
sys.stdin.read()
os._exit(0)
"""


@contextmanager
def _spare(run_dir: Path, moment: str) -> Iterator[set[str]]:
    """Yields the files that are there once it is ready or gone."""
    command = [sys.executable, "-c", _SPARE, str(run_dir), moment]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        if moment != "lives":
            process.wait(_SECONDS)
        yield {path.name for path in inbox_folder(run_dir).iterdir()}
        process.stdin.close()


@pytest.mark.parametrize("moment", ["halfway", "ready"])
def test_what_a_killed_one_leaves_is_removed_by_the_next_and_what_the_living_have_stays(run_dir: Path, moment: str):
    with _spare(run_dir, "lives") as first, _spare(run_dir, moment) as with_killed:
        left = with_killed - first
        inbox = MailboxServer(run_dir, "queue", QueueMail)
        with _spare(run_dir, "lives") as last:
            assert left
            assert len(first) == 2
            assert not left & last
            assert last > {*first, "queue.sock"}
            assert len(last) == 5
        inbox.close()


def test_at_a_factorys_start_and_end_all_of_it_is_removed_and_nothing_else(run_dir: Path):
    with _spare(run_dir, "halfway") as left, _spare(run_dir, "lives"):
        inbox = MailboxServer(run_dir, "queue", QueueMail)
        assert left

        remove_left(run_dir)

        assert [path.name for path in inbox_folder(run_dir).iterdir()] == ["queue.sock"]
        inbox.close()


def test_where_nothing_has_ever_run_there_is_nothing_to_remove(run_dir: Path):
    remove_left(run_dir / "nowhere")

    assert list(run_dir.iterdir()) == []

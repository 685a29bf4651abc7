"""What a spare does before it waits is the way of a real actor, and leaves nothing behind."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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

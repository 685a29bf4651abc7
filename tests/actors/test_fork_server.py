"""Where a fork server listens: in a folder of the factory's own, whatever becomes of the process that asked for it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import short_folder

_IS_KILLED = """
import os, signal, sys
from pathlib import Path
from actors.fork_server import ForkServer, keep_socket_in
Path(sys.argv[1]).mkdir(exist_ok=True)
keep_socket_in(Path(sys.argv[1]))
ForkServer(("actors.lean",)).warm_up()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


def _killed(folder: Path) -> list[Path]:
    """The sockets of a process that started a fork server and was killed."""
    shared = folder / "tmp"
    shared.mkdir(exist_ok=True)
    environ = {**os.environ, "TMPDIR": str(shared)}
    done = subprocess.run([sys.executable, "-P", "-c", _IS_KILLED, str(folder / "fork")], env=environ, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert list(shared.iterdir()) == [], "it would lie there for ever"
    return [path for path in (folder / "fork").iterdir() if path.is_socket()]


def test_who_is_killed_leaves_nothing_where_nobody_would_look_and_the_next_one_removes_what_it_left(folder: Path) -> None:
    (first,) = _killed(folder)
    (second,) = _killed(folder)

    assert not first.exists()
    assert second.exists()

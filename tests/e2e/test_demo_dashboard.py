"""The demo on a terminal: it opens the dashboard on itself, and leaves nothing whenever it is stopped."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from factory.paths import fresh_folder
from tests.e2e.terminal import Terminal, needs_tmux, terminal
from tests.e2e.test_cli_demo import environment, left_over

pytestmark = needs_tmux

_DEMO = [sys.executable, "-P", "-m", "factory.cli", "demo"]

Opened = Callable[..., AbstractContextManager[Terminal]]


@pytest.fixture
def place() -> Iterator[Path]:
    """The folder in which the demo makes its own."""
    made = fresh_folder("fd-")
    yield made
    shutil.rmtree(made)


@pytest.fixture
def demo(place: Path) -> Iterator[Opened]:
    """Opens a terminal in which the demo runs with these options."""
    folder = fresh_folder("ft-")

    def opened(*options: str) -> AbstractContextManager[Terminal]:
        return terminal(folder, [*_DEMO, *options], environment(place))

    yield opened
    shutil.rmtree(folder)


def is_given_back(shown: Terminal) -> bool:
    return shown.modes == shown.modes_before


def test_a_demo_on_a_terminal_is_watched_in_the_dashboard_and_says_what_came_of_it_afterwards(demo: Opened, place: Path) -> None:
    with demo() as shown:
        shown.sees("live", "running")
        assert shown.modes.alternate
        shown.sees("DEMO OVER, q ends it", seconds=100)
        assert len(list(place.glob("factory-demo-*/data"))) == 1
        shown.press("q")

        assert shown.ends() == 0
        assert is_given_back(shown)
        assert "6 pull requests. Look at one:" in shown.past()
        assert left_over(place) == []
    (remote,) = place.glob("factory-demo-*/remote.git")
    assert {path.name for path in remote.parent.iterdir()} == {"remote.git", "sample"}


@pytest.mark.parametrize("begun", ["The agent is", "live"])
def test_ctrl_c_stops_all_of_it_however_often_it_is_pressed_and_leaves_nothing(demo: Opened, place: Path, begun: str) -> None:
    with demo() as shown:
        shown.sees(begun)
        shown.press("C-c", "C-c", "C-c")

        assert shown.ends() == 130
        assert is_given_back(shown)
        assert "nothing of it is left" in shown.past()
        assert left_over(place) == []
    assert list(place.iterdir()) == []


def test_a_signal_is_heard_in_the_dashboard_and_after_it(demo: Opened, place: Path) -> None:
    with demo() as shown:
        shown.sees("live", "running")
        shown.press("q")
        shown.until(lambda: not shown.modes.alternate, "the dashboard is closed")
        os.kill(shown.pid, signal.SIGTERM)

        assert shown.ends() == 143
        assert left_over(place) == []
    assert list(place.iterdir()) == []


def test_a_demo_that_is_not_to_be_watched_tells_its_progress_in_lines(demo: Opened, place: Path) -> None:
    with demo("--no-tui") as shown:
        shown.sees("The agent is", "running")
        assert not shown.modes.alternate
        shown.press("C-c")
        assert shown.ends() == 130
        assert is_given_back(shown)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(("words", "option"), [([], ""), (["TUI=0"], " --no-tui"), (["TUI=no"], " --no-tui"), (["TUI=1"], " --tui")])
def test_make_demo_takes_a_no(words: list[str], option: str) -> None:
    # Within `make test` it would be a part of that one, and tell its folder as well.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(["make", "--dry-run", "demo", *words], capture_output=True, text=True, check=True, timeout=60, env=inherited)

    assert done.stdout.splitlines()[-1] == f"exec .venv/bin/factory demo{option}"

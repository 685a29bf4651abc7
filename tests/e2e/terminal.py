"""A real terminal: one pane of a tmux server of its own, so that what is pressed and what is seen is what a person presses and sees."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.waiting import eventually

SECONDS = 60.0
_TMUX_SECONDS = 20
_PAST = 2_000
"""Lines of the past that are searched."""

_SHELL = """
trap : INT TERM
stty -g > "$0.stty"
"$@"
echo $? > "$0.new"
mv "$0.new" "$0"
while :; do sleep 60; done
"""
"""Keeps the pane and tells the exit code: tmux 3.3 at times does not notice that a program has ended."""

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed: no terminal to try the dashboard in")


@dataclass(frozen=True)
class Modes:
    """What a program changes of a terminal and has to give back.

    Attributes:
        line: what `stty -g` says: echo, line editing, signals.
    """

    line: str
    alternate: bool = False
    cursor: bool = True
    wrap: bool = True
    mouse: bool = False
    keypad: bool = False


class Terminal:
    """What runs in it, what is on it, and its keys.

    Args:
        folder: for the server's socket; short.
        command: the program in the pane, which outlives it.
    """

    def __init__(self, folder: Path, command: Sequence[str], environ: Mapping[str, str], size: tuple[int, int] = (100, 30)) -> None:
        self._socket = folder / "tmux"
        self._environ = {**environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        # A clipboard is taken from a program only where that is on, and only then is it shown that none asked for it.
        options = ("set -g set-clipboard on", "set -g allow-rename on", "set -g escape-time 0")
        config = folder / "tmux.conf"
        config.write_text("\n".join(options) + "\n")
        self._ended, self._drawn = folder / "exit-code", folder / "drawn"
        self._ended.unlink(missing_ok=True)
        columns, rows = size
        self._tmux(
            "-f",
            str(config),
            "new-session",
            "-d",
            "-x",
            str(columns),
            "-y",
            str(rows),
            "-c",
            str(folder),
            "sh",
            "-c",
            _SHELL,
            str(self._ended),
            *command,
        )

    def _tmux(self, *words: str) -> str:
        command = ["tmux", "-S", str(self._socket), *words]
        done = subprocess.run(command, env=self._environ, capture_output=True, text=True, timeout=_TMUX_SECONDS, check=True)
        return done.stdout

    def _told(self, name: str) -> str:
        return self._tmux("display-message", "-p", f"#{{{name}}}").rstrip("\n")

    # -- looking ------------------------------------------------------------------------------------------------------

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    def line(self) -> str:
        """The last one, where one types."""
        return self.screen().rstrip("\n").rpartition("\n")[2].strip()

    def past(self) -> str:
        """What was written below the screen that a program had for itself, too."""
        return self._tmux("capture-pane", "-p", "-S", f"-{_PAST}")

    def sees(self, *texts: str, seconds: float = SECONDS) -> None:
        """Waits until all of it is on the screen at once."""

        def there() -> bool:
            screen = self.screen()
            return all(text in screen for text in texts)

        self.until(there, f"{texts} on the screen", seconds)

    def misses(self, text: str) -> None:
        self.until(lambda: text not in self.screen(), f"{text} leaves the screen")

    def until(self, holds: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
        """Waits until it holds; a program that ended first is shown with all that it said."""
        held: list[object] = []

        def over() -> bool:
            # Kept: a screen that is being painted may not look so a moment later.
            held[:] = [holds()]
            return bool(held[0]) or self.exit_code is not None

        eventually(over, seconds, lambda: f"{what}; the screen:\n{self.screen()}")
        assert held[0] or holds(), f"{what}; but it ended with {self.exit_code}:\n{self.past()}"

    @property
    def title(self) -> str:
        return self._told("pane_title")

    @property
    def clipboard(self) -> str:
        """What a program put on the clipboard."""
        return self._tmux("show-buffer") if self._tmux("list-buffers") else ""

    @property
    def modes(self) -> Modes:
        names = ("alternate_on", "cursor_flag", "wrap_flag", "mouse_any_flag", "keypad_flag")
        line = subprocess.run(
            ["stty", "-g", "-F", self._told("pane_tty")], capture_output=True, text=True, timeout=_TMUX_SECONDS, check=True
        )
        return Modes(line.stdout.strip(), *(self._told(name) == "1" for name in names))

    @property
    def modes_before(self) -> Modes:
        """As they were when the program began."""
        return Modes(self._ended.with_suffix(".stty").read_text().strip())

    def keeps_what_is_drawn(self) -> Path:
        """The file that gets all that the program writes from now on, as it writes it."""
        self._drawn.touch()
        self._tmux("pipe-pane", f"exec cat >> {shlex.quote(str(self._drawn))}")
        return self._drawn

    @property
    def pid(self) -> int:
        """The program's, as long as it runs."""
        (program,) = psutil.Process(self._shell).children()
        return program.pid

    @property
    def _shell(self) -> int:
        return int(self._told("pane_pid"))

    @property
    def exit_code(self) -> int | None:
        """As a shell tells it: 128 and its number for a signal; None while the program runs."""
        return int(self._ended.read_text()) if self._ended.exists() else None

    # -- doing --------------------------------------------------------------------------------------------------------

    def press(self, *keys: str) -> None:
        """Keys as tmux names them: `C-k`, `Enter`, `y`."""
        self._tmux("send-keys", *keys)

    def escape(self) -> None:
        """Escape as newer terminals write it: of the lone character nobody could tell whether it is the beginning of the next key."""
        self._tmux("send-keys", "-l", "\x1b[27u")

    def types(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    def resize(self, columns: int, rows: int) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def ends(self) -> int:
        """Waits for the end of the program, and returns its exit code."""
        self.until(lambda: self.exit_code is not None, "the program has ended")
        code = self.exit_code
        assert code is not None
        return code

    def close(self) -> None:
        shell = psutil.Process(self._shell)
        there = [shell, *shell.children(recursive=True)]
        self._tmux("kill-server")
        with suppress(AssertionError):
            eventually(lambda: all(ended(each) for each in there), _TMUX_SECONDS)
        for process in there:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def ended(process: psutil.Process) -> bool:
    """Also while nobody has asked for its exit code yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def terminal(folder: Path, command: Sequence[str], environ: Mapping[str, str], size: tuple[int, int] = (100, 30)) -> Iterator[Terminal]:
    opened = Terminal(folder, command, environ, size)
    try:
        yield opened
    finally:
        opened.close()


def dashboard_command(*words: str) -> list[str]:
    return [sys.executable, "-P", "-c", "from factory.cli.dashboard import main; raise SystemExit(main())", *words]

"""What `factory-tui` shows in its first ten milliseconds: the screen as it was at the end of its last run, dimmed.

Read and painted before anything is imported that an empty interpreter has not imported already: `typing`, `pathlib` and `enum` alone take
as long again as the interpreter does. Textual then takes over the same screen.
"""

import os
import sys

from factory.data_folder import data_folder

TYPE_CHECKING = False
"""As `typing` has it."""

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILE = "tui-last-screen"
_MOST_BYTES = 200_000
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J"
_LEAVE = "\x1b[?25h\x1b[?1049l"


class FirstPaint:
    """The picture of last time on the terminal, until somebody else has it.

    Args:
        data: the data folder in which the picture is kept.
        plain: ASCII instead of our glyphs: the run before may have been on another terminal.
    """

    def __init__(self, data: "str | os.PathLike[str]", *, plain: bool = False) -> None:
        self._file = f"{os.fspath(data)}/{FILE}"
        self._plain = plain
        self._painted = False

    def show(self, descriptor: int = 1) -> bool:
        """Paints it, where there is one and a terminal. Everything that a terminal would obey is left out."""
        try:
            if not os.isatty(descriptor):
                return False
            columns, rows = os.get_terminal_size(descriptor)
            # Without its headline, which said that the link is live.
            lines = _read(self._file)[1 : rows or 24]
        except OSError:
            return False
        if lines:
            dim = "" if os.environ.get("NO_COLOR") else "\x1b[2m"
            body = "\r\n".join("".join(c for c in line if c.isprintable())[: columns or 80] for line in lines)
            head = "connecting; below is what was seen last"[: columns or 80]
            _ = os.write(descriptor, f"{_ENTER}{head}\r\n{dim}{self._drawn(body)}\x1b[0m\x1b[?7h".encode())
            self._painted = True
        return self._painted

    def _drawn(self, body: str) -> str:
        if not self._plain:
            return body
        from tui.glyphs import ascii_only

        return ascii_only(body)

    def hand_over(self) -> None:
        """Somebody else has the screen by now, and gives it back."""
        self._painted = False

    def take_back(self, descriptor: int = 1) -> None:
        """Leaves the terminal as it was; for a start that comes to nothing."""
        if self._painted:
            self._painted = False
            _ = os.write(descriptor, _LEAVE.encode())

    def keep(self, picture: str) -> None:
        """Keeps a picture for the next start; its own user's alone, since titles may be private. A folder that refuses it keeps none."""
        draft = f"{self._file}.{os.getpid()}"
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as opened:
                _ = opened.write(picture)
            os.rename(draft, self._file)  # noqa: PTH104
        except OSError:
            _remove(draft)


def _remove(file: str) -> None:
    if os.path.lexists(file):
        os.unlink(file)  # noqa: PTH108


def asked_for(words: "Sequence[str]", environ: "Mapping[str, str]") -> str | None:
    """The data folder of a start that is sure to open the screen; None where help, an error or another machine is meant."""
    known = {"--read-only", "--ascii", "--quiet", "--no-mouse"}
    rest = list(words)
    data = None
    while rest:
        word = rest.pop(0)
        if word == "--data" and rest:
            data = rest.pop(0)
        elif word not in known:
            return None
    return data_folder(environ, data)


def open_picture() -> FirstPaint | None:
    """The first thing that `factory-tui` does."""
    folder = asked_for(sys.argv[1:], os.environ)
    if folder is None:
        return None
    paint = FirstPaint(folder, plain="--ascii" in sys.argv or bool(os.environ.get("FACTORY_ASCII")))
    _ = paint.show()
    return paint


def _read(file: str) -> list[str]:
    handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(handle, "rb") as opened:
        if os.fstat(handle).st_uid != os.geteuid():
            return []
        return opened.read(_MOST_BYTES).decode("utf-8", "replace").splitlines()

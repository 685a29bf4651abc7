"""A terminal that takes nothing must not hold up the process that logs to it."""

import io
import logging
import os
import pty
import select
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import pytest

from factory import logs

pytestmark = pytest.mark.usefixtures("own_logging")

LINES = 3000
"""More than any pipe or terminal holds."""

SECONDS = 5.0


Ends = tuple[int, TextIO]


def _pipe() -> Ends:
    reading, writing = os.pipe()
    return reading, os.fdopen(writing, "w", encoding="utf-8")


def _terminal() -> Ends:
    screen, terminal = pty.openpty()
    return screen, os.fdopen(terminal, "w", encoding="utf-8")


@pytest.fixture(params=[_pipe, _terminal])
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    make: Callable[[], Ends] = request.param
    reading, console = make()
    yield reading, console
    # Whoever is still held up by it goes on.
    os.close(reading)
    with suppress(OSError):
        console.close()


def _says(*lines: str) -> bool:
    """Whether all of them could be logged without waiting for somebody."""

    def say() -> None:
        for line in lines:
            logging.getLogger("one").info(line)

    thread = threading.Thread(target=say, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return not thread.is_alive()


def _read(descriptor: int) -> str:
    parts = []
    while select.select([descriptor], [], [], 0.05)[0] and (part := os.read(descriptor, 65536)):
        parts.append(part)
    return b"".join(parts).decode()


def test_a_console_that_nobody_reads_holds_nobody_up_and_the_next_line_that_fits_says_what_is_missing(ends: Ends, tmp_path: Path):
    reading, console = ends
    file = tmp_path / "factory.log"
    logs.configure("root", file=file, console=console)

    assert _says(*(f"line {number}" for number in range(LINES)))

    shown = _read(reading)
    assert _says("somebody reads again")
    last = _read(reading)
    missing = LINES - shown.count("line ") - last.count("line ")
    assert 0 < missing < LINES
    told = int(last.split(" lines are not shown here")[0].split()[-1])
    # What a terminal took and then lost in the kernel's own buffer, no writer can know.
    assert 0 < told <= missing if os.isatty(console.fileno()) else told == missing
    assert "somebody reads again" in last
    assert len(file.read_text("utf-8").splitlines()) == LINES + 1


def test_a_terminal_that_is_held_with_ctrl_s_holds_nobody_up():
    screen, terminal = pty.openpty()
    with os.fdopen(terminal, "w", encoding="utf-8") as console:
        logs.configure("root", console=console)
        termios.tcflow(console.fileno(), termios.TCOOFF)
        try:
            assert _says("first", "second")
        finally:
            termios.tcflow(console.fileno(), termios.TCOON)

        assert _says("third")
        assert "third" in _read(screen)
    os.close(screen)


def test_a_line_that_is_longer_than_what_fits_is_never_torn(ends: Ends):
    reading, console = ends
    logs.configure("root", console=console)
    longest = "x" * 300_000

    assert _says("before", longest, "after")

    shown = _read(reading)
    for number in range(LINES):
        assert _says(f"again {number}")
        shown += _read(reading)
        if "not shown here" in shown:
            break
    assert longest in shown.replace("\r\n", "\n")
    assert "not shown here" in shown
    assert shown.endswith("\n")


def test_whoever_closes_the_other_end_ends_the_lines_and_not_the_process(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    reading, console = _pipe()
    file = tmp_path / "factory.log"
    with console:
        logs.configure("root", file=file, console=console)
        os.close(reading)

        assert _says("one", "two")

    assert len(file.read_text("utf-8").splitlines()) == 2
    assert capfd.readouterr() == ("", "")


def test_the_descriptor_of_the_others_still_waits(ends: Ends):
    _, console = ends

    logs.configure("root", console=console)

    assert os.get_blocking(console.fileno()), "a shell shares it"


def test_what_is_no_descriptor_is_written_to_as_it_is():
    console = io.StringIO()
    logs.configure("root", console=console)

    assert _says("one")

    assert "one" in console.getvalue()


def test_a_file_gets_every_line(tmp_path: Path):
    with (tmp_path / "out").open("w", encoding="utf-8") as console:
        console.write("earlier\n")
        console.flush()
        logs.configure("root", console=console)

        assert _says(*(f"line {number}" for number in range(LINES)))

    said = (tmp_path / "out").read_text("utf-8").splitlines()
    assert said[0] == "earlier"
    assert len(said) == LINES + 1

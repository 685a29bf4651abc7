"""The picture that a terminal shows before anything large is imported."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from factory.cli.first_paint import FILE, FirstPaint, asked_for


def painted(folder: Path, *, plain: bool = False) -> str:
    ours, theirs = pty.openpty()
    paint = FirstPaint(folder, plain=plain)
    shown = paint.show(theirs)
    paint.take_back(theirs)
    os.write(theirs, b"END")
    text = b""
    while not text.endswith(b"END"):
        text += os.read(ours, 65_536)
    os.close(ours)
    os.close(theirs)
    assert shown == (text != b"END")
    return text.decode()


def test_a_kept_picture_is_painted_without_its_headline_and_taken_back(tmp_path) -> None:
    FirstPaint(tmp_path).keep("* live\nrow one\nrow two\n")

    text = painted(tmp_path)

    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert "row one\r" in text
    assert "live" not in text
    assert text.startswith("\x1b[?1049h")
    assert text.endswith("\x1b[?1049lEND")


def test_a_picture_with_glyphs_is_painted_in_ascii_where_that_is_asked_for(tmp_path) -> None:
    FirstPaint(tmp_path).keep("head\n P2 abc ● running │ ▌✔\n")

    assert "●" in painted(tmp_path)
    text = painted(tmp_path, plain=True)
    assert text.isascii()
    assert " P2 abc * running | " in text


def test_nothing_of_a_picture_is_obeyed_by_the_terminal(tmp_path) -> None:
    (tmp_path / FILE).write_text("head\nrow\x1b]2;owned\x07\x9b31m\u202e\n", "utf-8")

    body = painted(tmp_path).partition("last")[2]

    assert "\x1b]" not in body
    assert "\x9b" not in body
    assert "\u202e" not in body


def test_without_a_picture_or_a_terminal_nothing_is_painted(tmp_path) -> None:
    assert painted(tmp_path / "none") == "END"
    read, write = os.pipe()
    FirstPaint(tmp_path).keep("head\nrow")
    assert not FirstPaint(tmp_path).show(write)
    os.close(read)
    os.close(write)


def test_a_picture_behind_a_link_is_neither_read_nor_written_to(tmp_path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a\nb\n")
    (tmp_path / FILE).symlink_to(secret)

    assert painted(tmp_path) == "END"
    FirstPaint(tmp_path).keep("x")
    assert secret.read_text() == "a\nb\n"


def test_help_and_errors_are_not_preceded_by_a_picture(tmp_path) -> None:
    environ = {"HOME": str(tmp_path)}
    assert asked_for(["--data", str(tmp_path), "--read-only"], environ) == str(tmp_path)
    assert asked_for(["--help"], environ) is None
    assert asked_for(["--connect", "tcp://x:1"], environ) is None
    assert asked_for(["--data"], environ) is None


def test_the_picture_is_painted_before_anything_large_is_imported() -> None:
    large = "{'textual', 'pydantic', 'zmq', 'typer', 'rich'}"
    code = f"import factory.cli.dashboard, factory.paths, sys; print(sorted({large} & sys.modules.keys()))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_the_dashboard_stands_takes_the_picture_back(tmp_path: Path, number: int) -> None:
    FirstPaint(tmp_path).keep("* live\nrow one\n")
    ours, theirs = pty.openpty()
    program = (
        f"import os; from factory.cli import dashboard;dashboard._main = lambda *_: os.kill(os.getpid(), {int(number)});dashboard.main()"
    )

    ended = subprocess.run(
        [sys.executable, "-P", "-c", program], env={**os.environ, "FACTORY_DATA": str(tmp_path)}, stdout=theirs, timeout=60, check=False
    )

    os.close(theirs)
    text = os.read(ours, 65_536).decode()
    os.close(ours)
    assert ended.returncode == -number
    assert "row one" in text
    assert text.endswith("\x1b[?1049l")

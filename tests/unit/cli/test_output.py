"""What is printed, for people and for programs."""

import io
import json
import sys

import pytest

from factory.cli.output import coloured, fields, show_json, table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def become_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    # Inside the test and not in a fixture: between the two, pytest puts its own stdout in place.
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys, "stdout", Terminal())


def test_a_table_is_aligned_and_has_no_trailing_blanks() -> None:
    lines = table(("A", "LONGER"), [("first", 1), ("b", None)])

    assert lines == ["A      LONGER", "first  1", "b"]


def test_cells_are_cleaned_and_stay_on_their_line() -> None:
    assert table(("A",), [("x\x1b[2J\ny",)]) == ["A", "x y"]


def test_on_a_terminal_the_last_column_is_cut_and_nothing_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    become_a_terminal(monkeypatch)

    lines = table(("ITEM", "TITLE"), [("abc", "long " * 20)])

    assert max(map(len, lines)) == 40
    assert lines[1].endswith("…")


def test_in_a_pipe_nothing_is_cut() -> None:
    assert len(table(("ITEM", "TITLE"), [("abc", "x" * 500)])[1]) == 506


def test_a_status_is_coloured_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    become_a_terminal(monkeypatch)

    assert coloured("failed") == "\x1b[31mfailed\x1b[0m"
    assert coloured("anything") == "anything"

    monkeypatch.setenv("NO_COLOR", "1")
    assert coloured("failed") == "failed"


def test_colours_can_be_forced_into_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert coloured("failed", io.StringIO()) == "failed"

    monkeypatch.setenv("FORCE_COLOR", "1")
    assert coloured("failed", io.StringIO()) == "\x1b[31mfailed\x1b[0m"


def test_colours_do_not_shift_the_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    become_a_terminal(monkeypatch)

    lines = table(("STATUS", "N"), [("failed", 1), ("queued", 2)], status=0)

    assert lines == ["STATUS  N", "\x1b[31mfailed\x1b[0m  1", "queued  2"]


def test_fields_without_a_value_are_left_out() -> None:
    assert fields([("a", 1), ("long", ""), ("none", None), ("bb", "x")]) == ["a   1", "bb  x"]


def test_json_names_its_form_and_escapes_what_a_terminal_would_obey(capsys: pytest.CaptureFixture[str]) -> None:
    show_json("queue", {"schema": 1, "items": [{"title": "\x1b[31m\u202e"}]})

    printed = capsys.readouterr().out
    assert json.loads(printed) == {"schema": "factory.queue/1", "items": [{"title": "\x1b[31m\u202e"}]}
    assert printed.isascii()
    assert "\x1b" not in printed


def test_a_narrow_terminal_does_without_what_matters_least(monkeypatch: pytest.MonkeyPatch) -> None:
    become_a_terminal(monkeypatch)

    lines = table(("ITEM", "REPO", "STATUS", "WHY"), [("abc", "r" * 20, "queued", "waits " * 20)], status=2, spare=("REPO", "ITEM"))

    assert "REPO" not in lines[0]
    assert "queued" in lines[1]
    assert max(len(line.replace("\x1b[33m", "")) for line in lines) <= 40


def test_a_pipe_gets_all_columns() -> None:
    assert table(("ITEM", "WHY"), [("abc", "w" * 300)], spare=("ITEM",))[0].startswith("ITEM")

"""Reading `.factory.toml`."""

import pytest

from factory.domain.gates import MAX_GATES, BadGates, Gate, parse


def test_gates_are_read_with_their_defaults() -> None:
    text = """
    [[gates]]
    name = "tests"
    command = "make test"
    timeout = "10m"

    [[gates]]
    name = "lint"
    command = " ruff check "
    timeout = 90
    required = false

    [[gates]]
    name = "build"
    command = "make"
    """

    assert parse(text) == (Gate("tests", "make test", 600.0), Gate("lint", "ruff check", 90.0, False), Gate("build", "make", 600.0))


@pytest.mark.parametrize(("written", "seconds"), [('"60s"', 60.0), ('"1.5m"', 90.0), ('"2h"', 7200.0), ('"500ms"', 0.5), ("0.5", 0.5)])
def test_times_are_written_with_a_unit_or_in_seconds(written: str, seconds: float) -> None:
    assert parse(f'[[gates]]\nname = "a"\ncommand = "b"\ntimeout = {written}')[0].timeout == seconds


@pytest.mark.parametrize("text", ["", "[workers]\nimage = 'x'\n"])
def test_a_file_without_gates_has_none_and_other_tables_are_for_others(text: str) -> None:
    assert parse(text) == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("gates = [", "not valid TOML"),
        ("gates = 3", r"written as \[\[gates\]\]"),
        ("gates = ['x']", r"written as \[\[gates\]\]"),
        ("[[gates]]\ncommand = 'x'", "gate 1 needs a name"),
        ("[[gates]]\nname = 'x'", "gate 1 needs a command"),
        ("[[gates]]\nname = 'x'\ncommand = ''", "needs a command"),
        ("[[gates]]\nname = 'x'\ncommand = 3", "needs a command"),
        ("[[gates]]\nname = 'a|b'\ncommand = 'x'", "character"),
        ("[[gates]]\nname = 'x'\ncommand = 'x'\ntimout = 3", "'timout', which nothing reads"),
        ("[[gates]]\nname = 'x'\ncommand = 'x'\nrequired = 'no'", "true or false"),
        ("[[gates]]\nname = 'x'\ncommand = 'x'\ntimeout = 'soon'", "timeout of gate 'x'"),
        ("[[gates]]\nname = 'x'\ncommand = 'x'\ntimeout = 0", "timeout of gate 'x'"),
        ("[[gates]]\nname = 'x'\ncommand = 'x'\ntimeout = true", "timeout of gate 'x'"),
        ("[[gates]]\nname = 'x'\ncommand = 'x'\ntimeout = '3h'", "timeout of gate 'x'"),
        ("[[gates]]\nname = 'x'\ncommand = 'x'\ntimeout = nan", "timeout of gate 'x'"),
        (f"[[gates]]\nname = 'x'\ncommand = '{'x' * 5000}'", "longer than 4096"),
        ("[[gates]]\nname = 'x'\ncommand = 'x'\n" * 2, "two gates named 'x'"),
        ("".join(f"[[gates]]\nname = 'g{n}'\ncommand = 'x'\n" for n in range(MAX_GATES + 1)), "at most 20"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BadGates, match=sentence) as caught:
        parse(text)

    assert str(caught.value).startswith(".factory.toml")
    assert str(caught.value).endswith(".")

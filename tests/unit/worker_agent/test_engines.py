import pytest

from worker_agent.bundle import LEARNING_CHARACTERS, LEARNINGS_MOST, clean_learnings
from worker_agent.engines import EngineProblem, make_engine
from worker_agent.engines.command import CommandEngine
from worker_agent.processes import Finished


def test_a_command_is_split_as_a_shell_would_with_nothing_expanded() -> None:
    assert make_engine("command:run 'a b' $HOME *.py ; rm") == CommandEngine(("run", "a b", "$HOME", "*.py", ";", "rm"))


@pytest.mark.parametrize("text", ["", "command", "command:", "command:   ", "command:'x", "nosuch:x", ":x"])
def test_what_names_no_engine_is_refused(text: str) -> None:
    with pytest.raises(EngineProblem):
        make_engine(text)


@pytest.mark.parametrize(
    ("output", "tokens"),
    [
        ("", 0),
        ("tokens: 12", 12),
        ("tokens: 12\nmore\ntokens: 30\n", 30),
        ("my tokens: 12", 0),
        ("tokens: many", 0),
        ("tokens: -1", 0),
        ("tokens: " + "9" * 40, 0),
        ("tokens: 5\r\n", 5),
    ],
)
def test_the_last_count_in_the_output_is_what_the_iteration_used(output: str, tokens: int) -> None:
    assert CommandEngine.parse("x").read(Finished(0, timed_out=False, seconds=1.0, output=output)).tokens == tokens


@pytest.mark.parametrize(("code", "timed_out", "succeeded"), [(0, False, True), (1, False, False), (-9, False, False), (0, True, False)])
def test_an_iteration_went_well_if_it_ended_by_itself_with_zero(code: int, timed_out: bool, succeeded: bool) -> None:
    reading = CommandEngine.parse("x").read(Finished(code, timed_out, 1.0, ""))

    assert reading.succeeded is succeeded


def test_learnings_are_lines_of_text_and_nothing_else() -> None:
    text = "- one\n* two \n\n   \nthree\x1b[2J\x07\u202e\n-not a list\n\ttab\tbed\r\n"

    assert clean_learnings(text) == ("one", "two", "three [2J", "-not a list", "tab bed")


def test_learnings_are_bounded() -> None:
    learnings = clean_learnings(("x" * 9999 + "\n") * 999)

    assert len(learnings) == LEARNINGS_MOST
    assert {len(line) for line in learnings} == {LEARNING_CHARACTERS}

import pytest

from worker_agent.progress import Turn, fingerprint, stuck_reason

_MOVED, _STILL = Turn(moved=True), Turn(moved=False)


def _failed(print_: str, *, moved: bool = True) -> Turn:
    return Turn(moved, print_)


@pytest.mark.parametrize(
    ("turns", "stuck"),
    [
        ((), False),
        ((_STILL, _STILL), False),
        ((_STILL, _STILL, _STILL), True),
        ((_STILL, _MOVED, _STILL, _STILL), False),
        ((_MOVED, _STILL, _STILL, _STILL), True),
        ((_MOVED,) * 9, False),
        ((_failed("a"),) * 3, True),
        ((_failed("a"), _failed("b"), _failed("a")), False),
        ((_failed("a"), _MOVED, _failed("a"), _failed("a")), False),
        ((_failed("a", moved=False), _failed("b", moved=False), _STILL), True),
    ],
)
def test_three_turns_in_a_row_without_progress_or_with_one_error_are_stuck(turns: tuple[Turn, ...], stuck: bool) -> None:
    assert (stuck_reason(turns, 3) is not None) is stuck


def test_one_turn_may_be_the_limit_and_none_is_no_limit() -> None:
    assert stuck_reason((_STILL,), 1) is not None
    assert stuck_reason((_STILL,) * 9, 0) is None


def test_an_error_is_the_same_whatever_varies_from_run_to_run() -> None:
    first = "at 0x7f3a\ncommit 4b5addd073ae9f3c06e05b891a2999165be1a31c\n\ntook 1.25 s\n"
    second = "at 0x11ff\ncommit 4923dafe73ae9f3c06e05b891a2999165be1a31c\ntook 30 s"

    assert fingerprint("engine", first) == fingerprint("engine", second)


def test_errors_differ_by_text_and_by_who_made_them() -> None:
    assert len({fingerprint("engine", "no file"), fingerprint("engine", "no key"), fingerprint("gates", "no key")}) == 3


def test_only_the_end_of_an_output_counts() -> None:
    tail = "".join(f"line {letter}\n" for letter in "abcdefghijklmnopqrstuvwxyz")

    assert fingerprint("engine", f"first words\n{tail}") == fingerprint("engine", f"other words\n{tail}")


def test_being_stuck_is_told_with_what_the_last_iteration_ended_with() -> None:
    turn = Turn(moved=False, fingerprint="f", told="the agent ended with exit code 3")

    assert stuck_reason((turn, turn), 2) == (
        "2 iterations in a row brought no commit that ticks a box; in the last one the agent ended with exit code 3."
    )
    assert stuck_reason((Turn(moved=False),), 1) == "1 iterations in a row brought no commit that ticks a box."

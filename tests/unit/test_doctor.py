"""The frame of the doctor: time, order, exit codes and repairs."""

import threading

import pytest

from factory.clock import SystemClock
from factory.doctor import Check, Level, Result, Verdict, examine, exit_code, fail, ok, warn

CLOCK = SystemClock()


def check(name: str, verdict: Verdict) -> Check:
    return Check("group", name, lambda: verdict)


def broken() -> Verdict:
    raise ZeroDivisionError("by zero")


def test_results_come_in_the_order_of_the_checks_whichever_ends_first() -> None:
    late = threading.Event()

    def last() -> Verdict:
        late.wait(10)
        return ok("late")

    def first() -> Verdict:
        late.set()
        return warn("soon", "mend")

    results = examine([Check("a", "one", last), Check("b", "two", first)], CLOCK)

    assert [(each.name, each.level, each.why, each.mend) for each in results] == [
        ("one", Level.OK, "late", ""),
        ("two", Level.WARN, "soon", "mend"),
    ]


def test_a_check_that_hangs_holds_up_nobody_and_counts_as_not_made() -> None:
    for_ever = threading.Event()

    def hang() -> Verdict:
        for_ever.wait(60)
        return ok("never")

    began = CLOCK.monotonic()
    results = examine([Check("a", "hangs", hang), check("fine", ok("well"))], CLOCK, seconds=0.3)
    for_ever.set()

    assert CLOCK.monotonic() - began < 30
    assert [each.checked for each in results] == [False, True]
    assert results[0].why == "It could not be checked: it took too long."
    assert exit_code(results) == 2


def test_a_check_that_breaks_ends_no_other() -> None:
    results = examine([Check("a", "broken", broken), check("fine", ok("well"))], CLOCK)

    assert [(each.checked, each.level) for each in results] == [(False, Level.WARN), (True, Level.OK)]
    assert "ZeroDivisionError: by zero" in results[0].why


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [([ok("a")], 0), ([ok("a"), warn("b", "m")], 0), ([warn("b", "m"), fail("c", "m")], 1)],
)
def test_warnings_are_no_problems(verdicts: list[Verdict], code: int) -> None:
    assert exit_code(examine([check("x", verdict) for verdict in verdicts], CLOCK)) == code


def test_a_problem_counts_more_than_what_could_not_be_checked() -> None:
    results = examine([Check("a", "broken", broken), check("bad", fail("c", "m"))], CLOCK)

    assert exit_code(results) == 1


def test_only_what_is_not_well_is_mended_and_looked_at_again() -> None:
    state = {"bad": fail("is bad", "mend"), "good": ok("is good")}
    called: list[str] = []

    def fix(name: str) -> str:
        called.append(name)
        state[name] = ok("is better")
        return "done"

    checks = [Check("a", name, lambda name=name: state[name], lambda name=name: fix(name)) for name in state]  # type: ignore[misc]
    results = examine(checks, CLOCK, fix=True)

    assert called == ["bad"]
    assert [(each.why, each.fixed) for each in results] == [("is better", "done"), ("is good", "")]


def test_a_repair_that_fails_is_told_beside_what_it_should_have_mended() -> None:
    def fix() -> str:
        raise PermissionError(1, "Operation not permitted")

    (result,) = examine([Check("a", "x", lambda: fail("is bad.", "mend"), fix)], CLOCK, fix=True)

    assert (result.level, result.why) == (Level.FAIL, "is bad. It could not be fixed: Operation not permitted.")


def test_a_result_is_ready_for_json() -> None:
    assert Result("g", "n", Level.FAIL, "why", "mend").as_json()["level"] == "fail"

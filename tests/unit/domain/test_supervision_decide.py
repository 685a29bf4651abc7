"""What follows from the end of a child."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as some

from factory.domain.supervision import (
    POLICIES,
    ChildSpec,
    Ending,
    Intensity,
    Level,
    Restarts,
    RetryDelay,
    Strategy,
)
from factory.domain.supervision_decide import (
    STEADY_SECONDS,
    Escalate,
    Exit,
    GiveUp,
    History,
    LetGo,
    Restart,
    add_restart,
    decide,
    restarted_with,
    stop_order,
)

NOW = 1_000.0
ABNORMAL = [ending for ending in Ending if ending is not Ending.FINISHED]
EARLY, LATE = 0.0, STEADY_SECONDS


def child(level: Level = Level.CORE, restart: Restarts = Restarts.PERMANENT, restarts: int = 3) -> ChildSpec:
    return ChildSpec("child", level, restart=restart, intensity=Intensity(restarts, 60.0), delay=RetryDelay(2.0, 30.0))


def end(ending: Ending = Ending.CRASHED, lived: float = EARLY) -> Exit:
    return Exit(ending, lived, "because")


@pytest.mark.parametrize(("level", "ending", "lived"), list(itertools.product(Level, Ending, [EARLY, LATE])))
def test_a_temporary_child_is_never_restarted(level: Level, ending: Ending, lived: float):
    assert decide(child(level, Restarts.TEMPORARY), end(ending, lived), History(), NOW) == LetGo()


@pytest.mark.parametrize("lived", [EARLY, LATE])
def test_a_transient_child_that_finished_is_let_go(lived: float):
    assert decide(child(restart=Restarts.TRANSIENT), end(Ending.FINISHED, lived), History(), NOW) == LetGo()


@pytest.mark.parametrize("ending", [ending for ending in ABNORMAL if ending is not Ending.BROKEN])
def test_a_transient_child_that_ended_otherwise_is_restarted_at_once(ending: Ending):
    decision = decide(child(restart=Restarts.TRANSIENT), end(ending), History(), NOW)

    assert decision == Restart(0.0, History((NOW,), (NOW,)))


@pytest.mark.parametrize("ending", [ending for ending in Ending if ending is not Ending.BROKEN])
def test_a_permanent_child_is_restarted_however_it_ended(ending: Ending):
    assert isinstance(decide(child(), end(ending), History(), NOW), Restart)


@pytest.mark.parametrize("level", [Level.EDGE, Level.WORKERS])
def test_a_broken_child_that_the_factory_can_do_without_is_given_up_without_a_try(level: Level):
    decision = decide(child(level), end(Ending.BROKEN, LATE), History(), NOW)

    assert decision == GiveUp(retry_after=60.0, reason="child cannot run: because")


def test_a_broken_child_of_the_core_escalates_without_a_try_and_without_hope():
    decision = decide(child(), end(Ending.BROKEN, LATE), History(), NOW)

    assert decision == Escalate("child cannot run: because", hopeless=True)


def test_a_child_that_keeps_dying_is_restarted_at_growing_distances_and_then_given_up():
    history, now, delays = History(), NOW, []

    while isinstance(decision := decide(child(), end(), history, now), Restart):
        delays.append(decision.after)
        history, now = decision.history, now + decision.after + 0.1

    assert delays == [0.0, 2.0, 8.0]
    assert decision == Escalate("child ended 4 times soon after its start, the last: because")


@pytest.mark.parametrize("hung", [20.0, 90.0])
def test_a_child_that_hangs_again_and_again_is_given_up_however_long_it_takes_to_notice(hung: float):
    history, now, delays = History(), NOW, []

    while isinstance(decision := decide(child(), Exit(Ending.KILLED, hung + 5.0, "it hangs", hung), history, now), Restart):
        delays.append(decision.after)
        history, now = decision.history, now + decision.after + hung + 5.0

    assert delays == [0.0, 2.0, 8.0]
    assert decision == Escalate("child hung or ended soon after its start 4 times, the last: it hangs")


def test_a_child_that_hangs_now_and_then_is_restarted_at_once_each_time():
    history, now = History(), NOW

    for _ in range(20):
        decision = decide(child(), Exit(Ending.KILLED, 145.0, "it hangs", 20.0), history, now)
        assert isinstance(decision, Restart)
        assert decision.after == 0.0
        history, now = decision.history, now + 145.0


def test_a_child_that_was_killed_from_outside_after_it_hung_has_lived():
    hung = decide(child(), Exit(Ending.KILLED, 25.0, "it hangs", 20.0), History(), NOW)
    assert isinstance(hung, Restart)

    assert decide(child(), end(Ending.KILLED, LATE), hung.history, NOW + 30) == Restart(0.0, History((), (NOW, NOW + 30)))


def test_an_edge_child_that_cannot_live_does_not_escalate():
    history = History(strikes=(NOW - 3, NOW - 2, NOW - 1))

    decision = decide(child(Level.EDGE), end(), history, NOW)

    assert isinstance(decision, GiveUp)


def test_strikes_outside_the_period_are_forgotten():
    history = History(strikes=(NOW - 60.0, NOW - 60.0, NOW - 59.9))

    decision = decide(child(), end(), history, NOW)

    assert decision == Restart(2.0, History((NOW - 59.9, NOW), (NOW,)))


def test_a_child_that_worked_for_a_while_is_restarted_at_once_and_its_strikes_are_forgotten():
    history = History(strikes=(NOW - 3, NOW - 2, NOW - 1))

    assert decide(child(), end(lived=LATE), history, NOW) == Restart(0.0, History((), (NOW,)))


def test_a_level_that_restarts_too_often_is_given_up_although_each_child_works_for_a_while():
    most = POLICIES[Level.CORE].intensity.restarts
    full = History(restarts=tuple(NOW - 1 for _ in range(most)))
    almost = History(restarts=full.restarts[1:])

    assert isinstance(decide(child(), end(lived=LATE), almost, NOW), Restart)
    decision = decide(child(), end(lived=LATE), full, NOW)

    assert isinstance(decision, Escalate)
    assert decision.reason == "level core: more than 60 restarts within 60 s, the last of child: because"


def test_no_restarts_allowed_means_none():
    assert isinstance(decide(child(restarts=0), end(), History(), NOW), Escalate)


@given(some.lists(some.floats(0.01, 30.0), max_size=40), some.integers(0, 6), some.floats(1.0, 90.0))
def test_the_window_holds_exactly_what_is_within_the_period(gaps: list[float], restarts: int, period: float):
    kept: tuple[float, ...] = ()
    times: list[float] = []
    for now in itertools.accumulate(gaps):
        kept, too_many = add_restart(kept, now, Intensity(restarts, period))
        times.append(now)

        assert list(kept) == [at for at in times if now - at < period]
        assert too_many == (len(kept) > restarts)


@given(some.integers(0, 1000))
def test_delays_grow_and_stay_below_their_cap(strikes: int):
    delay = RetryDelay(base=2.0, cap=30.0)

    assert 0.0 <= delay.after(strikes) <= delay.after(strikes + 1) <= 30.0


@given(some.lists(some.sampled_from([EARLY, LATE]), max_size=100))
def test_a_crash_loop_is_no_fork_storm(lives: list[float]):
    history, now, starts = History(), NOW, [NOW]
    for lived in lives:
        now += lived
        decision = decide(child(), end(lived=lived), history, now)
        if not isinstance(decision, Restart):
            break
        history, now = decision.history, now + decision.after
        starts.append(now)

    # Without having lived for a while in between, there are never three starts within the first delay.
    assert all(third - first >= min(STEADY_SECONDS, 2.0) for first, third in zip(starts, starts[2:], strict=False))


def test_only_the_failed_child_is_restarted_with_one_for_one():
    assert restarted_with(Strategy.ONE_FOR_ONE, ["a", "b", "c"], "b") == ("b",)


def test_stop_order_is_the_reverse_of_the_start_order_with_all_workers_at_once():
    names = {"a": Level.CORE, "b": Level.CORE, "c": Level.EDGE, "d": Level.WORKERS, "e": Level.WORKERS}

    batches = stop_order(ChildSpec(name, level) for name, level in names.items())

    assert [[spec.name for spec in batch] for batch in batches] == [["e", "d"], ["c"], ["b"], ["a"]]


def test_nothing_is_stopped_in_no_batch():
    assert stop_order([]) == []

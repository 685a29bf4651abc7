"""Levels as the children of the root, and siblings of a child: the cases of OTP's own test suite, as arithmetic.

`_Level` carries decisions out in a virtual time, with nothing but names: what a supervisor does, without processes.
"""

import itertools
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from factory.domain.supervision import POLICIES, ChildSpec, Ending, Intensity, Level, LevelPolicy, Restarts, RetryDelay, Strategy
from factory.domain.supervision_decide import (
    STEADY_SECONDS,
    Decision,
    Escalate,
    Exit,
    GiveUp,
    History,
    LetGo,
    Restart,
    RestartLevel,
    StopFactory,
    decide,
    escalate,
    restarted_with,
    stop_order,
)

NAMES = ("a", "b", "c", "d")
NOW = 1_000.0
FATAL = LevelPolicy(Strategy.ONE_FOR_ONE, Intensity(2, 60.0), fatal=True, together=False, escalation=Intensity(0, 600.0))
OPTIONAL = replace(FATAL, fatal=False, escalation=Intensity(2, 600.0), delay=RetryDelay(2.0, 30.0))


def end(ending: Ending = Ending.CRASHED, lived: float = STEADY_SECONDS) -> Exit:
    return Exit(ending, lived, "because")


@dataclass
class _Level:
    """Four children in start order. `started` and `stopped` are what a supervisor would have done since."""

    strategy: Strategy
    restart: Restarts = Restarts.PERMANENT
    policy: LevelPolicy = FATAL
    history: History = field(default_factory=History)
    now: float = NOW

    def dies(self, name: str, ending: Ending = Ending.CRASHED) -> tuple[Decision, tuple[str, ...], tuple[str, ...]]:
        """The decision, who is stopped in this order, and who is started in this order."""
        self.now += 1.0
        spec = ChildSpec(name, Level.CORE, restart=self.restart)
        decision = decide(spec, end(ending), self.history, self.now, self.policy)
        if not isinstance(decision, Restart):
            return decision, (), ()
        self.history = decision.history
        started = restarted_with(self.strategy, NAMES, name)
        batches = stop_order(ChildSpec(other, Level.CORE) for other in started if other != name)
        return decision, tuple(spec.name for batch in batches for spec in batch), started


WITH_B = {
    Strategy.ONE_FOR_ONE: ((), ("b",)),
    Strategy.ONE_FOR_ALL: (("d", "c", "a"), ("a", "b", "c", "d")),
    Strategy.REST_FOR_ONE: (("d", "c"), ("b", "c", "d")),
}


@pytest.mark.parametrize(("strategy", "restart", "ending"), list(itertools.product(Strategy, Restarts, Ending)))
def test_who_stops_and_who_starts_by_strategy_restart_type_and_ending(strategy: Strategy, restart: Restarts, ending: Ending):
    decision, stopped, started = _Level(strategy, restart).dies("b", ending)

    ends_well = restart is Restarts.TEMPORARY or (restart is Restarts.TRANSIENT and ending is Ending.FINISHED)
    if ends_well:
        assert (decision, stopped, started) == (LetGo(), (), ())
    elif ending is Ending.BROKEN:
        assert (decision, stopped, started) == (Escalate("b cannot run: because", hopeless=True), (), ())
    else:
        assert (stopped, started) == WITH_B[strategy]


@pytest.mark.parametrize(
    ("strategy", "failed", "started"),
    [
        (Strategy.ONE_FOR_ALL, "a", ("a", "b", "c", "d")),
        (Strategy.ONE_FOR_ALL, "d", ("a", "b", "c", "d")),
        (Strategy.REST_FOR_ONE, "a", ("a", "b", "c", "d")),
        (Strategy.REST_FOR_ONE, "d", ("d",)),
    ],
)
def test_the_first_and_the_last_of_a_level(strategy: Strategy, failed: str, started: tuple[str, ...]):
    assert restarted_with(strategy, NAMES, failed) == started


@given(some.sampled_from(list(Strategy)), some.sampled_from(NAMES))
def test_whoever_is_restarted_keeps_its_place_in_the_start_order(strategy: Strategy, failed: str):
    started = restarted_with(strategy, NAMES, failed)

    assert failed in started
    assert list(started) == sorted(started)


@pytest.mark.parametrize("strategy", list(Strategy))
def test_deaths_of_different_children_are_counted_together_and_the_level_gives_up(strategy: Strategy):
    level = _Level(strategy)

    decisions = [level.dies(name)[0] for name in ("a", "c", "b")]

    assert [type(decision) for decision in decisions] == [Restart, Restart, Escalate]


@pytest.mark.parametrize("strategy", list(Strategy))
def test_a_restart_with_siblings_counts_once_however_many_they_are(strategy: Strategy):
    level = _Level(strategy)
    level.dies("a")

    assert len(level.history.restarts) == 1


@pytest.mark.parametrize("strategy", list(Strategy))
def test_a_level_whose_children_die_seldom_never_gives_up(strategy: Strategy):
    level = _Level(strategy)

    for name in itertools.islice(itertools.cycle(NAMES), 100):
        level.now += level.policy.intensity.period / 2
        assert isinstance(level.dies(name)[0], Restart)


@pytest.mark.parametrize("restart", [Restarts.TEMPORARY, Restarts.TRANSIENT])
def test_a_child_that_may_go_costs_its_level_no_restart(restart: Restarts):
    level = _Level(Strategy.ONE_FOR_ALL, restart)

    for _ in range(10):
        assert level.dies("b", Ending.FINISHED)[0] == LetGo()

    assert level.history == History()


def test_the_root_stops_when_the_core_gives_up():
    assert escalate(POLICIES[Level.CORE], Escalate("why"), (), NOW) == StopFactory("why")


def test_the_root_restarts_a_level_as_a_whole_at_growing_distances_and_then_lets_it_rest():
    escalations: tuple[float, ...] = ()
    delays = []
    for number in range(4):
        answer = escalate(OPTIONAL, Escalate("why"), escalations, NOW + number)
        assert isinstance(answer, RestartLevel)
        delays.append(answer.after)
        escalations = answer.escalations

    assert delays == [0.0, 2.0, 600.0, 600.0]


def test_a_level_that_gave_up_long_ago_is_restarted_at_once():
    answer = escalate(OPTIONAL, Escalate("why"), (NOW - 600.0, NOW - 700.0), NOW)

    assert answer == RestartLevel(0.0, (NOW,))


def test_a_fatal_level_may_be_allowed_restarts_as_a_whole_before_the_factory_stops():
    policy = replace(FATAL, escalation=Intensity(1, 600.0))
    first = escalate(policy, Escalate("why"), (), NOW)

    assert first == RestartLevel(0.0, (NOW,))
    assert escalate(policy, Escalate("again"), (NOW,), NOW + 1) == StopFactory("again")


def test_what_no_restart_mends_stops_the_factory_although_a_restart_would_be_allowed():
    policy = replace(FATAL, escalation=Intensity(5, 600.0))

    assert escalate(policy, Escalate("why", hopeless=True), (), NOW) == StopFactory("why")


@pytest.mark.parametrize("fatal", [True, False])
def test_a_child_that_cannot_live_takes_its_level_with_it_only_where_the_factory_needs_the_level(fatal: bool):
    policy = replace(FATAL if fatal else OPTIONAL, intensity=Intensity(60, 60.0))
    spec = ChildSpec("b", Level.CORE, intensity=Intensity(0, 30.0))

    decision = decide(spec, end(lived=0.0), History(), NOW, policy)

    reason = "b ended 1 times soon after its start, the last: because"
    assert decision == (Escalate(reason) if fatal else GiveUp(30.0, reason))


@given(some.lists(some.tuples(some.sampled_from(NAMES), some.floats(0.0, 30.0)), max_size=60), some.sampled_from(list(Strategy)))
def test_a_level_never_restarts_more_often_than_it_may(deaths: list[tuple[str, float]], strategy: Strategy):
    level, restarted = _Level(strategy), []
    for name, gap in deaths:
        level.now += gap
        if not isinstance(level.dies(name)[0], Restart):
            break
        restarted.append(level.now)

    most, period = level.policy.intensity.restarts, level.policy.intensity.period
    assert all(sum(at - period < other <= at for other in restarted) <= most for at in restarted)

"""The life of one worker: each phase against each input, and what holds for every history."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.domain.lease import LeaseTerms
from factory.domain.worker import (
    FINISH_LIMIT,
    PREPARE_LIMIT,
    REPEAT,
    Accepted,
    Assign,
    Counted,
    Dismiss,
    Effect,
    Exited,
    Greeted,
    Heard,
    Input,
    KeepLease,
    Launch,
    LeaseLost,
    Life,
    Phase,
    Postponed,
    Prepare,
    Prepared,
    Recorded,
    Report,
    Reported,
    Stalled,
    Tick,
    adopt,
    begin,
    decide,
    may_keep_lease,
)

TERMS = LeaseTerms(5.0)
H = TERMS.heartbeat
START = 100.0
DONE = Reported("done", "all boxes ticked")
ORDER = [Phase.PREPARING, Phase.STARTING, Phase.ASSIGNED, Phase.RUNNING, Phase.FINISHING, Phase.ENDED]
BEFORE_THE_END = ORDER[:4]


def at(phase: Phase) -> Life:
    return Life(phase, START, START, START, START, START, DONE if phase in {Phase.FINISHING, Phase.ENDED} else None)


def step(phase: Phase, event: Input, after: float = 1.0) -> tuple[Phase, tuple[Effect, ...]]:
    life, effects = decide(at(phase), event, START + after, TERMS)
    return life.phase, effects


def ticked(life: Life, seconds: float, every: float = H / 2) -> tuple[Life, list[tuple[float, Effect]]]:
    """Regular ticks for a while, and the effects with their time."""
    effects, now = [], life.ticked
    while now < life.ticked + seconds and now < START + seconds:
        now += every
        life, new = decide(life, Tick(), now, TERMS)
        effects += [(now, effect) for effect in new]
    return life, effects


# -- phase by input ---------------------------------------------------------------------------------------------------

STAYS: tuple[Effect, ...] = ()
TABLE: dict[type[Input], tuple[Input, dict[Phase, tuple[Phase, tuple[Effect, ...]]]]] = {
    Prepared: (Prepared(), {Phase.PREPARING: (Phase.STARTING, (Launch(),))}),
    Greeted: (
        Greeted(fresh=True),
        {
            Phase.STARTING: (Phase.ASSIGNED, (Assign(),)),
            Phase.ASSIGNED: (Phase.ASSIGNED, (Assign(),)),
            Phase.RUNNING: (Phase.RUNNING, (Assign(),)),
        },
    ),
    Accepted: (Accepted(), {Phase.STARTING: (Phase.RUNNING, STAYS), Phase.ASSIGNED: (Phase.RUNNING, STAYS)}),
    Heard: (Heard(), {}),
    Counted: (Counted(7), {}),
    Postponed: (Postponed(), {}),
    Reported: (
        Reported("agent", "gave up"),
        {phase: (Phase.FINISHING, (Report("agent", "gave up"),)) for phase in BEFORE_THE_END},
    ),
    Recorded: (Recorded(), {Phase.FINISHING: (Phase.ENDED, (Dismiss(DONE.reason),))}),
    LeaseLost: (LeaseLost("killed"), {phase: (Phase.ENDED, (Dismiss("killed"),)) for phase in ORDER if phase is not Phase.ENDED}),
    Exited: (Exited("status 1"), {phase: (Phase.FINISHING, (Report("infra", "status 1"),)) for phase in BEFORE_THE_END}),
    Tick: (Tick(), {phase: (phase, (KeepLease(),)) for phase in ORDER[:3]}),
}


@pytest.mark.parametrize("phase", ORDER)
@pytest.mark.parametrize("kind", TABLE)
def test_each_phase_answers_each_input_as_the_table_says(kind: type[Input], phase: Phase):
    event, answers = TABLE[kind]

    assert step(phase, event) == answers.get(phase, (phase, ()))


def test_a_life_begins_by_asking_for_the_repository():
    life, effects = begin(START)

    assert (life.phase, effects) == (Phase.PREPARING, (Prepare(),))


def test_a_greeting_of_an_agent_that_works_already_assigns_nothing():
    assert step(Phase.RUNNING, Greeted(fresh=False)) == (Phase.RUNNING, ())


@pytest.mark.parametrize("event", [Greeted(fresh=False), Greeted(fresh=True), Accepted(), Heard()], ids=str)
def test_every_word_of_the_agent_is_a_sign_of_life(event: Input):
    life, _ = decide(at(Phase.RUNNING), event, START + 3 * H, TERMS)

    assert life.heard == START + 3 * H


# -- time -------------------------------------------------------------------------------------------------------------


def test_the_repository_is_asked_for_again_and_given_up_in_the_end():
    life, effects = ticked(begin(START)[0], (PREPARE_LIMIT + 2) * H)

    asked = [when - START for when, effect in effects if effect == Prepare()]
    assert asked[:3] == [REPEAT * H, 2 * REPEAT * H, 3 * REPEAT * H]
    assert life.report == Reported("infra", "the repository could not be made ready")
    assert PREPARE_LIMIT * H < life.since - START <= (PREPARE_LIMIT + 1) * H


def test_a_worker_that_never_speaks_is_given_up_as_infrastructure_and_its_lease_kept_until_then():
    life, effects = ticked(at(Phase.STARTING), 13 * H)

    assert life.report == Reported("infra", "the worker never said HELLO")
    kept = [when for when, effect in effects if effect == KeepLease()]
    assert all(later - earlier <= H for earlier, later in pairwise(kept))
    assert kept[-1] >= START + TERMS.start - H


def test_an_assignment_is_repeated_and_given_up_in_the_end():
    life, effects = ticked(at(Phase.ASSIGNED), 13 * H)

    assert [when - START for when, effect in effects if effect == Assign()][:2] == [REPEAT * H, 2 * REPEAT * H]
    assert life.report == Reported("infra", "the worker never accepted its assignment")


def test_an_agent_that_only_ever_greets_is_given_up_all_the_same():
    life, now = at(Phase.STARTING), START
    while life.phase in {Phase.STARTING, Phase.ASSIGNED} and now < START + 100 * H:
        now += H / 2
        life, _ = decide(life, Greeted(fresh=True), now, TERMS)
        life, _ = decide(life, Tick(), now, TERMS)

    assert life.report == Reported("infra", "the worker never accepted its assignment")


def test_a_silent_worker_is_lost_after_four_heartbeats():
    life, effects = ticked(at(Phase.RUNNING), 5 * H)

    assert life.report is not None
    assert life.report.outcome == "infra"
    assert "silent" in life.report.reason
    (when, _) = next((when, effect) for when, effect in effects if isinstance(effect, Report))
    assert 4 * H < when - START <= 5 * H


def beating(life: Life, seconds: float, counter: Callable[[float], int]) -> tuple[Life, list[tuple[float, Effect]]]:
    """Beats and ticks for a while; `counter` tells the progress that a beat carries, by the seconds since the beginning."""
    effects, begun, now = [], life.ticked, life.ticked
    while now < begun + seconds:
        now += H / 2
        for event in (Heard(), Counted(counter(now - begun)), Tick()):
            life, new = decide(life, event, now, TERMS)
            effects += [(now - begun, effect) for effect in new]
    return life, effects


def test_a_worker_that_beats_without_getting_anywhere_is_called_stalled_once_and_not_ended():
    life, effects = beating(at(Phase.RUNNING), 500 * H, lambda _: 0)

    assert (life.phase, life.stalled, life.report) == (Phase.RUNNING, True, None)
    ((when, effect),) = effects
    assert isinstance(effect, Stalled)
    assert 60 * H < when <= 61 * H


def test_a_stalled_worker_that_moves_again_may_stall_again():
    life, effects = beating(at(Phase.RUNNING), 100 * H, lambda passed: int(passed > 80 * H))
    assert not life.stalled
    assert len(effects) == 1

    life, effects = beating(life, 62 * H, lambda _: 1)
    assert life.stalled
    assert len(effects) == 1


def test_a_worker_that_moves_now_and_then_is_never_stalled():
    assert beating(at(Phase.RUNNING), 500 * H, lambda passed: int(passed / (59 * H)))[1] == []


def test_time_in_which_this_process_was_stopped_is_no_time_without_progress():
    life, _ = beating(at(Phase.RUNNING), 59 * H, lambda _: 0)
    life, _ = decide(life, Tick(), life.ticked + 1_000 * H, TERMS)

    assert beating(life, 59 * H, lambda _: 0)[1] == []


def test_a_worker_that_cannot_be_made_yet_is_not_one_that_never_spoke():
    life, now = at(Phase.STARTING), START
    for _ in range(100):
        now += H / 2
        life, effects = decide(decide(life, Postponed(), now, TERMS)[0], Tick(), now, TERMS)
        assert effects == (KeepLease(),)

    assert life.report is None


def test_a_running_worker_renews_its_lease_itself():
    _, effects = ticked(at(Phase.RUNNING), 3 * H)

    assert effects == []


def test_a_report_is_repeated_until_it_is_recorded():
    life, effects = ticked(at(Phase.FINISHING), 50 * H)

    assert life.phase is Phase.FINISHING
    assert {effect for _, effect in effects} == {Report("done", DONE.reason)}
    assert [when - START for when, _ in effects][:3] == [REPEAT * H, 2 * REPEAT * H, 3 * REPEAT * H]


@pytest.mark.parametrize("phase", BEFORE_THE_END)
def test_no_bound_is_reached_by_a_process_that_was_itself_stopped(phase: Phase):
    life, effects = decide(at(phase), Tick(), START + 1_000 * H, TERMS)

    assert life.report is None
    assert not [effect for effect in effects if isinstance(effect, Report)]
    assert life.heard == life.since == START + 1_000 * H


def test_the_bounds_hold_again_after_a_gap():
    woken, _ = decide(at(Phase.RUNNING), Tick(), START + 1_000 * H, TERMS)
    now = START + 1_000 * H
    while woken.report is None and now < START + 1_010 * H:
        now += H
        woken, _ = decide(woken, Tick(), now, TERMS)

    assert woken.report is not None
    assert now - START - 1_000 * H == 5 * H


def test_an_adopted_worker_is_given_a_full_silence_to_be_heard():
    life = adopt(START, running=True)

    assert life.phase is Phase.RUNNING
    assert ticked(life, 4 * H)[0].report is None


def test_a_worker_adopted_before_it_had_its_assignment_gets_it_when_it_greets():
    life, effects = decide(adopt(START, running=False), Greeted(fresh=False), START + 1, TERMS)

    assert (life.phase, effects) == (Phase.ASSIGNED, (Assign(),))


def test_beats_keep_the_lease_but_not_of_a_report_that_is_never_taken():
    late = START + FINISH_LIMIT * H + 1

    assert may_keep_lease(at(Phase.FINISHING), late - 1, TERMS)
    assert not may_keep_lease(at(Phase.FINISHING), late, TERMS)
    assert all(may_keep_lease(at(phase), START + 1e9, TERMS) for phase in BEFORE_THE_END)


# -- the end ----------------------------------------------------------------------------------------------------------


def test_an_agent_that_exits_after_its_word_does_not_turn_it_into_a_failure():
    life, _ = decide(at(Phase.RUNNING), DONE, START, TERMS)

    assert decide(life, Exited("status 1"), START + 1, TERMS) == (life, ())


def test_a_recording_that_nobody_asked_for_ends_nothing():
    life = at(Phase.RUNNING)

    assert decide(life, Recorded(), START + 1, TERMS) == (life, ())


def test_a_lost_lease_ends_a_life_whose_report_was_never_recorded():
    life, effects = decide(at(Phase.FINISHING), LeaseLost("killed by me"), START + 1, TERMS)

    assert (life.phase, effects) == (Phase.ENDED, (Dismiss("killed by me"),))


inputs = st.one_of(
    st.sampled_from([Prepared(), Greeted(fresh=True), Greeted(fresh=False), Accepted(), Heard(), Counted(1), Counted(2), Recorded()]),
    st.just(Tick()),
    st.builds(Reported, st.sampled_from(["done", "agent", "stuck"]), st.text(max_size=3)),
    st.builds(LeaseLost, st.text(max_size=3)),
    st.builds(Exited, st.text(max_size=3)),
)
lives = st.sampled_from([begin(START)[0], adopt(START, running=True), adopt(START, running=False)])
histories = st.lists(st.tuples(inputs, st.floats(0.0, 8 * H)), max_size=30)


def lived(life: Life, history: list[tuple[Input, float]]) -> list[tuple[Life, tuple[Effect, ...]]]:
    steps, now = [], START
    for event, passed in history:
        now += passed
        life, effects = decide(life, event, now, TERMS)
        steps.append((life, effects))
    return steps


@given(lives, histories)
def test_a_worker_is_dismissed_at_most_once_and_nothing_happens_afterwards(life: Life, history: list[tuple[Input, float]]):
    steps = lived(life, history)

    ended = [place for place, (life, _) in enumerate(steps) if life.phase is Phase.ENDED]
    dismissals = [place for place, (_, effects) in enumerate(steps) if any(isinstance(effect, Dismiss) for effect in effects)]
    assert dismissals == ended[:1]
    assert all(effects == () for place, (_, effects) in enumerate(steps) if place in ended[1:])


@given(lives, histories)
def test_the_first_report_stands(life: Life, history: list[tuple[Input, float]]):
    reports = {effect for _, effects in lived(life, history) for effect in effects if isinstance(effect, Report)}

    assert len(reports) <= 1


@given(lives, histories)
def test_a_life_never_goes_back_and_launches_once(life: Life, history: list[tuple[Input, float]]):
    steps = lived(life, history)

    places = [ORDER.index(one.phase) for one, _ in steps]
    assert places == sorted(places)
    assert sum(isinstance(effect, Launch) for _, effects in steps for effect in effects) <= 1


@given(lives, histories)
def test_a_report_is_pending_exactly_while_finishing_and_kept_thereafter(life: Life, history: list[tuple[Input, float]]):
    for one, _ in lived(life, history):
        assert (one.report is not None) or one.phase is not Phase.FINISHING
        assert one.report is None or one.phase in {Phase.FINISHING, Phase.ENDED}


@given(lives, histories)
def test_said_twice_an_input_changes_no_more_than_said_once(life: Life, history: list[tuple[Input, float]]):
    now = START
    for event, passed in history:
        now += passed
        life, _ = decide(life, event, now, TERMS)
        again, effects = decide(life, event, now, TERMS)
        assert again == life
        assert not [one for one in effects if isinstance(one, Launch | Dismiss | Report | Prepare)]


@given(lives, histories)
def test_whatever_happened_ticks_alone_bring_every_unheard_worker_to_an_end(life: Life, history: list[tuple[Input, float]]):
    steps = lived(life, history)
    life = steps[-1][0] if steps else life
    now = START + sum(passed for _, passed in history)

    while life.phase in BEFORE_THE_END and now < START + 1_000 * H:
        now += H
        life, _ = decide(life, Tick(), now, TERMS)

    assert life.phase in {Phase.FINISHING, Phase.ENDED}


def test_a_finishing_life_without_a_report_cannot_be_built_by_its_rules():
    with pytest.raises(AssertionError, match="finishing without a report"):
        decide(replace(at(Phase.FINISHING), report=None), Tick(), START + 2 * H, TERMS)

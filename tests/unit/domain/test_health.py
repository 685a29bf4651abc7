"""Whether a child that is alive hangs."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from factory.domain.health import LEAST_SHORT_SILENCE, LEAST_SILENCE, HealthTerms, Signs, hangs
from factory.domain.lease import LeaseTerms

TERMS = HealthTerms(5.0)


@pytest.mark.parametrize(
    ("signs", "reason"),
    [
        (Signs(), ""),
        (Signs(unanswered=20.0), ""),
        (Signs(unanswered=20.1), "it did not answer for 20 s"),
        (Signs(turn=90.0), ""),
        (Signs(turn=91.0), "its turn hangs: 91 s without a sign of life"),
        (Signs(unanswered=21.0, turn=91.0), "it did not answer for 21 s"),
    ],
)
def test_a_child_hangs_that_does_not_answer_or_whose_turn_shows_no_life(signs: Signs, reason: str):
    assert hangs(TERMS, signs, longest_turn=90.0) == reason


@given(some.floats(0.01, 60.0))
def test_silence_is_four_heartbeats_but_no_less_than_a_busy_machine_needs(heartbeat: float):
    assert HealthTerms(heartbeat).silence == max(4 * heartbeat, LEAST_SILENCE)


@given(some.floats(0.01, 60.0))
def test_who_keeps_leases_is_found_to_hang_before_they_are_lost(heartbeat: float):
    terms = HealthTerms(heartbeat)

    assert terms.short_silence == max(2 * heartbeat, LEAST_SHORT_SILENCE)
    assert hangs(terms, Signs(unanswered=terms.short_silence), 90.0, keeps_leases=True) == ""
    assert hangs(terms, Signs(unanswered=terms.short_silence + 0.001), 90.0, keeps_leases=True)
    assert hangs(terms, Signs(unanswered=terms.short_silence + 0.001), 90.0) == ""


@pytest.mark.parametrize("heartbeat", [2.0, 5.0, 30.0])
def test_from_its_last_answer_until_it_is_replaced_less_passes_than_a_lease_lasts(heartbeat: float):
    terms = HealthTerms(heartbeat)

    # It hangs right after an answer, and its silence is over right after a look.
    found = terms.ask_every + terms.short_silence + terms.ask_every

    leases = LeaseTerms(heartbeat)
    assert found <= leases.lease < leases.lease + leases.grace


@given(some.floats(0.01, 60.0), some.floats(0.0, 1.0))
def test_an_absence_of_everybody_that_is_not_noticed_makes_nobody_look_silent(heartbeat: float, part: float):
    terms = HealthTerms(heartbeat)
    # A question asked just before, an answer that comes as soon as all go on, and the next look a heartbeat later.
    waited = terms.gap * part + terms.ask_every

    assert hangs(terms, Signs(unanswered=waited), 90.0, keeps_leases=True) == ""

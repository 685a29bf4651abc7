"""What can happen while a result becomes a pull request of a forge: F41 and F42."""

import pytest

from factory.standin.failures import Failure
from tests.faults import effects
from tests.faults.driver import Trial
from tests.faults.forge_remote import ForgeRemote, Rule, failed, fails, with_forge
from tests.waiting import eventually

FORGE = {"SITE": "forge"}
"""Sites of their own, since another remote takes the place of theirs."""

LOOK, PUSH, CREATE = "GET pulls", "POST git-receive-pack", "POST pulls"
LATE = 40.0
"""Seconds until an answer that nobody will be there to read."""


@pytest.fixture
def remote(trial: Trial) -> ForgeRemote:
    return with_forge(trial.site)


@pytest.fixture
def trial(trial: Trial) -> Trial:
    with_forge(trial.site)
    return trial


def one_of_each(remote: ForgeRemote, item: str) -> None:
    """Of this item exactly one pull request was ever opened, pushed was once, and nobody was told twice."""
    assert len(remote.created(item)) == 1, remote.created(item)
    assert len([push for push in remote.ledger() if item in push.ref]) == 1, remote.ledger()
    said = [entry["body"] for entry in remote.comments() if entry["number"] == remote.created(item)[0]["number"]]
    assert len(said) == len(set(said)), said


# -- F41 --------------------------------------------------------------------------------------------------------------

UNANSWERED: dict[str, tuple[Rule, ...]] = {
    "the look before the push": ((LOOK, Failure.TIMEOUT_AFTER, 1, LATE),),
    "the push": ((PUSH, Failure.TIMEOUT_AFTER, 1, LATE),),
    "the look before the pull request": ((LOOK, Failure.SLOW, 1, 0.0), (LOOK, Failure.TIMEOUT_AFTER, 1, LATE)),
    "the pull request": ((CREATE, Failure.TIMEOUT_AFTER, 1, LATE),),
}


@pytest.mark.faults
@pytest.mark.parametrize("step", UNANSWERED)
@pytest.mark.alone
@pytest.mark.scenario("F41", "delivery is killed with a step done and not answered", bound=2, settings=FORGE, cases=True)
def test_a_publisher_that_dies_in_a_step_that_was_carried_out_leaves_one_pull_request(trial: Trial, remote: ForgeRemote, step: str) -> None:
    """F41: killed at each step."""
    rules, before = UNANSWERED[step], len(remote.fired())
    fails(trial, remote, *rules)
    item = trial.submit()
    failed(trial, remote, before, len(rules))
    children = effects.family(trial.actor("delivery"))

    trial.kill(trial.actor("delivery"), f"delivery in {step}")
    trial.recovered(item)

    trial.settle()
    one_of_each(remote, item)
    eventually(lambda: not any(effects.lives(pid) for pid in children), 10, "what it had started is gone too")


@pytest.mark.faults
@pytest.mark.parametrize("point", ["pushed", "pull_request_opened", "recorded"])
@pytest.mark.alone
@pytest.mark.scenario("F41", "delivery is killed between two steps", bound=2, settings=FORGE, cases=True)
def test_a_publisher_that_dies_between_two_steps_leaves_one_pull_request(trial: Trial, remote: ForgeRemote, point: str) -> None:
    """F41: killed at each step."""
    trial.site.hold(point)
    item = trial.submit()
    eventually(lambda: trial.site.held(point), 60, lambda: f"{point} is reached: {trial.site.log()}")

    trial.kill(trial.actor("delivery"), f"delivery at {point}")
    trial.site.release(point)
    trial.recovered(item)

    trial.settle()
    one_of_each(remote, item)


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F41", "everything is killed with the pull request made and not answered", bound=5, settings=FORGE)
def test_a_power_cut_after_the_pull_request_was_made_leads_to_no_second_one(trial: Trial, remote: ForgeRemote) -> None:
    """F41: killed at each step."""
    site, before = trial.site, len(remote.fired())
    fails(trial, remote, (CREATE, Failure.TIMEOUT_AFTER, 1, LATE))
    item = trial.submit()
    failed(trial, remote, before)
    outside = site.surroundings()
    everything = [process.pid for process in site.processes() if process.pid not in outside]

    trial.kill(sorted(everything, key=lambda pid: pid != site.postmaster()), "everything")
    site.up()
    trial.starts()
    trial.recovered(item)

    trial.settle()
    one_of_each(remote, item)


# -- F42 --------------------------------------------------------------------------------------------------------------

LOST: dict[str, tuple[Rule, ...]] = {
    "push, then 502": ((PUSH, Failure.ERROR_AFTER, 1, 0.0),),
    "push, then reset": ((PUSH, Failure.RESET_AFTER, 1, 0.0),),
    "push, then silence": ((PUSH, Failure.TIMEOUT_AFTER, 1, 3.0),),
    "pull request, then 502": ((CREATE, Failure.ERROR_AFTER, 1, 0.0),),
    "pull request, then 502, and it is not shown yet": ((CREATE, Failure.ERROR_AFTER, 1, 0.0), (LOOK, Failure.SLOW, 2, 0.0),
                                                        (LOOK, Failure.HIDDEN, 2, 0.0)),
    "pull request, then reset": ((CREATE, Failure.RESET_AFTER, 1, 0.0),),
    "pull request, then half an answer": ((CREATE, Failure.CUT_AFTER, 1, 0.0),),
    "looks that fail": ((LOOK, Failure.ERROR_BEFORE, 1, 0.0), (LOOK, Failure.RESET_BEFORE, 1, 0.0),
                        ("GET repo", Failure.ERROR_BEFORE, 1, 0.0)),
}  # fmt: skip


@pytest.mark.faults
@pytest.mark.parametrize("how", LOST)
@pytest.mark.scenario("F42", "the effect happened and the answer is lost", bound=5, settings=FORGE, cases=True)
def test_what_was_done_and_not_answered_is_not_done_again(trial: Trial, remote: ForgeRemote, how: str) -> None:
    """F42: one pull request after a lost answer."""
    rules, before = LOST[how], len(remote.fired())
    wanted = sum(times for _, _, times, _ in rules)
    fails(trial, remote, *rules)
    item = trial.submit()
    trial.did(how, lambda: [entry["failure"] for entry in failed(trial, remote, before, wanted)], 90)
    trial.pause(max(seconds for _, _, _, seconds in rules))
    trial.fault_ends()
    trial.recovered(item)

    trial.settle()
    one_of_each(remote, item)


@pytest.mark.faults
@pytest.mark.scenario("F42", "the forge never answers after the pull request was made", bound=5, settings=FORGE)
def test_a_client_that_gives_up_waiting_finds_what_was_made(trial: Trial, remote: ForgeRemote) -> None:
    """F42: one pull request after a lost answer."""
    before = len(remote.fired())
    fails(trial, remote, (CREATE, Failure.TIMEOUT_AFTER, 1, LATE))
    item = trial.submit()
    trial.did("the answer does not come", lambda: failed(trial, remote, before), 90)
    eventually(lambda: trial.site.rows("SELECT 1 FROM outbox WHERE item = %s AND tries > 0", item), 40, "delivery gives up waiting")
    trial.fault_ends()
    trial.recovered(item)

    trial.settle()
    one_of_each(remote, item)


@pytest.mark.faults
@pytest.mark.scenario("F43", "a secondary limit for 3 s", bound=5, settings=FORGE)
def test_no_call_is_made_before_the_forge_allows_one(trial: Trial, remote: ForgeRemote) -> None:
    """F43: no call before the time that was named."""
    before = len(remote.fired())
    fails(trial, remote, (CREATE, Failure.SECONDARY_LIMIT, 1, 3.0))
    item = trial.submit()
    trial.did("the limit is told", lambda: failed(trial, remote, before), 90)
    eventually(lambda: trial.site.rows("SELECT 1 FROM outbox WHERE item = %s AND tries > 0", item), 40, "delivery has heard it")
    # An actor that has just been started must not ask at once either.
    trial.kill(trial.actor("delivery"), "delivery, which knew of the limit")
    calls = len(remote.forge.ledger("call"))
    trial.pause(2.5)
    early = [entry["route"] for entry in remote.forge.ledger("call")[calls:] if "git" not in entry["route"]]
    assert not early, f"called before it was allowed: {early}"
    trial.pause(0.5)
    trial.fault_ends()
    trial.recovered(item)

    trial.settle()
    one_of_each(remote, item)

import pytest

from tests.unit.worker_agent.claude_runs import FAILED, NOW, SUCCEEDED, events, reading, told
from worker_agent.engines.claude_outcome import MAX_RESET_SECONDS, OVERLOAD_SECONDS, UNKNOWN_RESET_SECONDS, Ending, read
from worker_agent.engines.claude_stream import Complaint, Event, Limit, Result, Story
from worker_agent.engines.claude_watch import Patience, overdue
from worker_agent.outcome import Failed


def result(**changes: object) -> Result:
    fields: dict[str, object] = {
        "subtype": "success", "is_error": False, "terminal_reason": "completed", "status": None, "words": "", "turns": 1, "cost": 0.0,
        "tokens": 1, "cached_tokens": 0, "denied": {}, **changes,
    }  # fmt: skip
    return Result(**fields)  # type: ignore[arg-type] # the names and values of the tests


def outcome(story: Story) -> Failed:
    found = read(story, FAILED, NOW).outcome
    assert found is not None
    return found


# -- captured runs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["completed", "dropped", "locked"])
def test_a_run_that_says_so_and_ends_with_zero_went_well(name: str) -> None:
    found = reading(name, SUCCEEDED)

    assert (found.succeeded, found.error, found.outcome) == (True, None, None)
    assert found.tokens > 0
    assert found.facts["claude_code_version"] == "2.1.329"
    assert found.facts["model"]
    assert isinstance(found.facts["cost_usd"], float)


@pytest.mark.parametrize(
    ("name", "failure", "holds", "retry_after"),
    [
        ("usage_limit", "quota", "account", 4251.0),
        ("credits", "quota", "credits", 0.0),
        ("unauthorized", "auth", "login", 0.0),
        ("no_login", "auth", "login", 0.0),
        ("throttle", "infra", "", OVERLOAD_SECONDS),
        ("server_throttle", "infra", "", OVERLOAD_SECONDS),
        ("overloaded", "infra", "", OVERLOAD_SECONDS),
        ("no_network", "infra", "", OVERLOAD_SECONDS),
        ("no_model", "policy", "", 0.0),
        ("over_budget", "policy", "", 0.0),
    ],
)
def test_what_no_further_iteration_mends_ends_the_attempt(name: str, failure: str, holds: str, retry_after: float) -> None:
    found = reading(name).outcome

    assert found is not None
    assert (found.failure, found.holds, found.retry_after) == (failure, holds, retry_after)


def test_at_the_cap_of_the_way_out_the_reason_is_what_it_said_f48() -> None:
    """F48."""
    found = reading("over_budget").outcome

    assert found is not None
    assert found.reason == "over_budget: the attempt has used $5.01 of $5.00 (attempt_cost_cap)"


@pytest.mark.parametrize(
    ("name", "ending", "words", "cut_short"),
    [
        ("too_long", FAILED, "context became too long", False),
        ("max_turns", FAILED, "number of turns", True),
        ("max_budget", FAILED, "the budget", True),
        ("denied", SUCCEEDED, "denied these tools: Bash", False),
        ("completed", FAILED, "ended with status 1", False),
    ],
)
def test_what_another_iteration_may_mend_is_an_error_of_this_one(name: str, ending: Ending, words: str, cut_short: bool) -> None:
    found = reading(name, ending)

    assert (found.succeeded, found.outcome, found.cut_short) == (False, None, cut_short)
    assert found.error is not None
    assert words in found.error


# -- what the captures do not show ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (Ending(-9, timed_out=False, overdue="", seconds=1.0, said="Killed"), "status -9 and without a result. Its last words: Killed"),
        (Ending(143, timed_out=True, overdue="", seconds=60.0), "after 60 seconds"),
        (Ending(143, timed_out=False, overdue="no events", seconds=1.0), "no events"),
        (Ending(143, timed_out=False, overdue="hung after a tool", seconds=1.0), "hung after a tool's result"),
        (Ending(143, timed_out=False, overdue="no lock hook", seconds=1.0), "lock hook"),
        (Ending(0, timed_out=False, overdue="", seconds=1.0), "without a result"),
    ],
)
def test_a_run_without_a_result_is_an_error_that_says_how_it_ended(ending: Ending, words: str) -> None:
    found = read(told(events("completed")[:-1]), ending, NOW)

    assert (found.succeeded, found.outcome) == (False, None)
    assert words in str(found.error)


def test_a_run_that_lived_on_after_a_good_result_went_well() -> None:
    assert reading("completed", Ending(143, timed_out=False, overdue="lived on", seconds=31.0)).succeeded


def test_a_run_that_asked_for_no_locks_did_not_go_well() -> None:
    assert not reading("completed", Ending(0, timed_out=False, overdue="", seconds=1.0, proven=False)).succeeded


def test_a_login_that_failed_once_is_enough() -> None:
    story = told([event for event in events("unauthorized") if event.subtype in {"init", "api_retry"}][:2])

    assert outcome(story).failure == "auth"


def test_a_limit_without_a_time_but_with_the_plans_words_is_tried_again_later() -> None:
    story = Story(complaint=Complaint("rate_limit", "You've hit your weekly limit", 429), result=result(is_error=True))

    assert (outcome(story).failure, outcome(story).retry_after) == ("quota", UNKNOWN_RESET_SECONDS)


@pytest.mark.parametrize(("resets_at", "seconds"), [(0.0, 5.0), (NOW + 100, 105.0), (NOW * 9, MAX_RESET_SECONDS)])
def test_the_time_until_a_limit_opens_is_bounded(resets_at: float, seconds: float) -> None:
    story = Story(limit=Limit("five_hour", resets_at), result=result(is_error=True, status=429))

    assert outcome(story).retry_after == seconds


def test_the_words_of_a_good_result_decide_nothing() -> None:
    story = Story(result=result(words="You've hit your usage limit. Credit balance is too low. Prompt is too long. 401"))

    assert read(story, SUCCEEDED, NOW).succeeded


def test_a_limit_that_was_shut_on_the_way_does_not_spoil_a_good_result() -> None:
    story = Story(limit=Limit("five_hour", NOW + 9), result=result())

    assert read(story, SUCCEEDED, NOW).succeeded


def test_old_versions_give_no_reason_for_the_end() -> None:
    assert read(Story(result=result(terminal_reason="")), SUCCEEDED, NOW).succeeded


def test_a_call_that_a_hook_denied_is_no_denied_tool() -> None:
    story = Story(result=result(denied={"call-1": "Edit", "call-2": "Bash"}), refused_by_hook={"call-1"})

    assert str(read(story, SUCCEEDED, NOW).error) == "It was denied these tools: Bash."


def test_a_usage_limit_goes_before_a_login_and_a_login_before_an_overload() -> None:
    retry = Event("system", "api_retry", {"error": "authentication_failed"})
    story = told([retry])
    story.result = result(is_error=True, status=500, words="Internal server error")
    story.limit = Limit("five_hour", NOW + 60)

    assert outcome(story).failure == "quota"
    story.limit, story.complaint = None, Complaint("authentication_failed", "no", 500)
    assert outcome(story).failure == "auth"


# -- silence ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "silence", "expected"),
    [
        ("", 899.0, ""),
        ("", 900.0, "no events"),
        ("other", 899.0, ""),
        ("other", 900.0, "no events"),
        ("tool_result", 299.0, ""),
        ("tool_result", 300.0, "hung after a tool"),
        ("result", 29.0, ""),
        ("result", 30.0, "lived on"),
    ],
)
def test_how_long_silence_is_borne_depends_on_what_came_last(last: str, silence: float, expected: str) -> None:
    assert overdue(last, silence, Patience()) == expected  # type: ignore[arg-type] # the values of the tests

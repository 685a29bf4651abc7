"""GitHub's pull requests when its answers are lost, late, wrong or refused: whatever happens, there is one."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from factory.domain.ids import branch_of
from factory.errors import ForgeRefused, ForgeUnavailable, Retryable, Unauthorized
from factory.integrations import github_caller
from factory.pull_request_ports import PullRequestRef
from factory.standin.failures import Failure
from tests.contract.pull_requests import ONE, OnGitHub, forge_of, order
from tests.standin import TOKEN

_TRIES = 10
_REPO = "acme/widgets"

T = TypeVar("T")


@pytest.fixture
def forge(standin, tmp_path, database, monkeypatch) -> OnGitHub:
    monkeypatch.setattr(github_caller, "TIMEOUT_SECONDS", 1)
    forge = forge_of("github", tmp_path, database, standin)
    assert isinstance(forge, OnGitHub)
    return forge


def insist(forge: OnGitHub, call: Callable[[], T], errors: list[Retryable] | None = None) -> T:
    """Repeats the call as the outbox does: never before the time that was named."""
    for _ in range(_TRIES):
        try:
            return call()
        except Retryable as error:
            if errors is not None:
                errors.append(error)
            forge.clock.advance(error.retry_after + 1.0)
            if not error.retry_after:
                # Where nothing is to be waited for, by the store's clock, in a process that knows nothing any more.
                forge.restart()
    raise AssertionError(f"not within {_TRIES} tries")


def one_pull(forge: OnGitHub) -> dict[str, Any]:
    """The only pull request that ever was, by the ledger and by the list."""
    (made,) = forge.standin.ledger("pull")
    (pull,) = forge.standin.pulls()
    assert made["number"] == pull["number"]
    return pull


# -- lost answers -----------------------------------------------------------------------------------------------------

PASSING = [
    Failure.ERROR_BEFORE, Failure.ERROR_AFTER, Failure.RESET_BEFORE, Failure.RESET_AFTER, Failure.TIMEOUT_BEFORE, Failure.TIMEOUT_AFTER,
    Failure.CUT_AFTER, Failure.SLOW, Failure.GARBAGE, Failure.UNAUTHORIZED, Failure.FORBIDDEN, Failure.SECONDARY_LIMIT,
    Failure.PRIMARY_LIMIT, Failure.TOO_MANY,
]  # fmt: skip


CASES = [
    # What matters most is a creation; lookups under every failure run with `make faults`.
    pytest.param(route, failure, marks=() if route == "POST pulls" or failure is Failure.CUT_AFTER else pytest.mark.faults)
    for route in ("GET repo", "GET pulls", "POST pulls")
    for failure in PASSING
]


@pytest.mark.parametrize(("route", "failure"), CASES)
def test_whatever_happens_to_a_call_there_is_one_pull_request_at_the_accepted_commit(forge, route, failure) -> None:
    head = forge.pushed()
    seconds = {Failure.SLOW: 0.2, Failure.TIMEOUT_BEFORE: 3.0, Failure.TIMEOUT_AFTER: 3.0}.get(failure, 0.0)
    forge.standin.fails((route, failure, 1, seconds))

    opened = insist(forge, lambda: forge.pulls.open(order(forge, head)))

    assert [entry["failure"] for entry in forge.standin.ledger("failure")] == [failure]
    pull = one_pull(forge)
    assert (opened.number, opened.head, pull["sha"]) == (pull["number"], head, head)
    assert rows(forge) == [(ONE, opened.number, opened.url, head)]


def test_several_lost_answers_in_a_row_lead_to_one_pull_request_too(forge) -> None:
    head = forge.pushed()
    forge.standin.fails(
        ("GET pulls", Failure.ERROR_BEFORE, 2),
        ("POST pulls", Failure.RESET_BEFORE),
        ("POST pulls", Failure.ERROR_AFTER),
        ("GET pulls", Failure.RESET_AFTER),
    )

    insist(forge, lambda: forge.pulls.open(order(forge, head)))

    assert len(forge.standin.ledger("failure")) == 5
    one_pull(forge)


def test_one_that_is_there_and_not_listed_yet_is_not_opened_twice_and_its_422_is_success(forge) -> None:
    """F41: 422 is success."""
    head = forge.pushed()
    forge.standin.fails(("POST pulls", Failure.ERROR_AFTER))
    with pytest.raises(ForgeUnavailable):
        forge.pulls.open(order(forge, head))
    forge.standin.fails(("GET pulls", Failure.HIDDEN))

    opened = forge.pulls.open(order(forge, head))

    assert opened.number == one_pull(forge)["number"]
    routes = [entry["route"] for entry in forge.standin.ledger("call")][-4:]
    assert routes == ["GET repo", "GET pulls", "POST pulls", "GET pulls"]


def test_one_that_is_refused_as_there_and_stays_unseen_is_waited_for(forge) -> None:
    head = forge.pushed()
    forge.pulls.open(order(forge, head))
    forge.standin.fails(("GET pulls", Failure.HIDDEN, 2))

    with pytest.raises(ForgeUnavailable, match="does not show it yet"):
        forge.pulls.open(order(forge, head))

    forge.pulls.open(order(forge, head))
    one_pull(forge)


@pytest.mark.parametrize("failure", [Failure.ERROR_AFTER, Failure.RESET_AFTER, Failure.ERROR_BEFORE, Failure.UNAUTHORIZED])
def test_an_update_whose_answer_is_lost_is_made_good(forge, failure) -> None:
    forge.pulls.open(order(forge, forge.pushed()))
    head = forge.pushed()
    forge.standin.fails(("PATCH pull", failure))

    insist(forge, lambda: forge.pulls.open(order(forge, head, body="New ")))

    assert one_pull(forge)["body"].startswith("New ")


# -- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "seconds", "wait"),
    [
        (Failure.SECONDARY_LIMIT, 37.0, 37.0),
        (Failure.SECONDARY_LIMIT, 0.0, 60.0),
        (Failure.TOO_MANY, 5.0, 5.0),
        (Failure.PRIMARY_LIMIT, 1_800.0, 1_801.0),
        (Failure.PRIMARY_LIMIT, 9_000.0, 3_600.0),
    ],
)
def test_no_call_is_made_before_the_time_that_github_named(forge, failure, seconds, wait) -> None:
    head = forge.pushed()
    forge.standin.fails(("POST pulls", failure, 1, seconds))
    with pytest.raises(ForgeUnavailable, match="no call") as caught:
        forge.pulls.open(order(forge, head))
    assert caught.value.retry_after == pytest.approx(wait, abs=1.0)
    calls = len(forge.standin.ledger("call"))

    forge.clock.advance(caught.value.retry_after - 1.0)
    with pytest.raises(ForgeUnavailable, match="another 1 s") as again:
        forge.pulls.find(forge.repo, branch_of(ONE))
    assert len(forge.standin.ledger("call")) == calls
    assert again.value.retry_after == pytest.approx(1.0)

    forge.clock.advance(1.0)
    forge.pulls.open(order(forge, head))
    one_pull(forge)


def test_a_process_that_starts_while_no_call_is_allowed_makes_none(forge) -> None:
    head = forge.pushed()
    forge.standin.fails(("GET repo", Failure.SECONDARY_LIMIT, 1, 600.0), ("GET repo", Failure.SECONDARY_LIMIT, 1, 1.0))
    with pytest.raises(ForgeUnavailable):
        forge.pulls.open(order(forge, head))
    calls = len(forge.standin.ledger("call"))

    forge.restart()
    with pytest.raises(ForgeUnavailable, match="no call for another") as caught:
        forge.pulls.open(order(forge, head))

    assert len(forge.standin.ledger("call")) == calls
    assert 0 < caught.value.retry_after <= 600.0


# -- tokens -----------------------------------------------------------------------------------------------------------


def test_a_token_that_ended_is_renewed_once_without_anyone_noticing(forge) -> None:
    head = forge.pushed()
    forge.tokens = ["ghs_ended", TOKEN]

    forge.pulls.open(order(forge, head))

    assert forge.minted == [(_REPO, False), (_REPO, True)]
    one_pull(forge)


def test_a_token_that_ends_between_two_calls_leads_to_one_pull_request(forge) -> None:
    """F43: 401 in mid-run; a token is renewed once."""
    head = forge.pushed()
    forge.standin.fails(("POST pulls", Failure.UNAUTHORIZED))

    forge.pulls.open(order(forge, head))

    assert forge.minted == [(_REPO, False), (_REPO, True)]
    one_pull(forge)


def test_a_token_that_is_not_accepted_is_told_in_one_sentence_without_it(forge) -> None:
    forge.tokens = ["ghp_wrong0123456789"]

    with pytest.raises(Unauthorized) as caught:
        forge.pulls.find(forge.repo, branch_of(ONE))

    assert (
        str(caught.value)
        == "GitHub does not accept the token for acme/widgets (401: Bad credentials): give the factory a valid GITHUB_TOKEN."
    )
    assert forge.minted == [(_REPO, False), (_REPO, True)]


def test_a_token_without_the_right_is_told_which_rights_it_takes(forge) -> None:
    head = forge.pushed()
    forge.standin.fails(("POST pulls", Failure.FORBIDDEN, -1))

    with pytest.raises(Unauthorized, match="write access to contents and pull requests"):
        forge.pulls.open(order(forge, head))


# -- what a person has to mend ----------------------------------------------------------------------------------------


def test_a_repository_that_is_not_there_is_refused(forge) -> None:
    with pytest.raises(ForgeRefused, match="GitHub has no repository acme/nowhere that its token can see"):
        forge.pulls.find(forge.standin.address("acme/nowhere"), branch_of(ONE))


def test_a_branch_that_is_not_there_is_refused_in_githubs_words(forge) -> None:
    with pytest.raises(ForgeRefused, match=r"422: Validation Failed; head invalid"):
        forge.pulls.open(order(forge, forge.remote.tree.head()))


def test_a_branch_without_a_commit_of_its_own_is_refused_in_githubs_words(forge) -> None:
    head = forge.remote.tree.head()
    forge.remote.push_head(branch_of(ONE))

    with pytest.raises(ForgeRefused, match="No commits between main and factory/0000000001"):
        forge.pulls.open(order(forge, head))


# -- what others do there ---------------------------------------------------------------------------------------------


def test_a_branch_that_somebody_moved_is_not_taken_for_the_result(forge) -> None:
    head = forge.pushed()
    forge.pushed()

    with pytest.raises(ForgeUnavailable, match="not yet at the pushed"):
        forge.pulls.open(order(forge, head))


def test_what_a_person_wrote_into_a_pull_request_of_this_result_stays(forge) -> None:
    head = forge.pushed()
    ours = order(forge, head)
    forge.pulls.open(ours)
    forge.standin.asks("PATCH", f"/repos/{_REPO}/pulls/1", {"body": f"Reviewed.\n{ours.body}"})

    forge.pulls.open(ours)

    assert one_pull(forge)["body"].startswith("Reviewed.")


def test_one_that_a_person_opened_of_the_branch_is_the_one_and_keeps_their_words(forge) -> None:
    head = forge.pushed()
    forge.standin.asks("POST", f"/repos/{_REPO}/pulls", {"head": branch_of(ONE), "base": "main", "title": "Mine", "body": "My words."})

    ours = order(forge, head)

    opened = forge.pulls.open(ours)

    assert (opened.number, one_pull(forge)["body"]) == (1, f"My words.\n\n{ours.body}")


# -- the record -------------------------------------------------------------------------------------------------------


def test_the_record_takes_githubs_number_also_where_one_of_our_own_has_it(forge, database) -> None:
    with database.transaction() as cursor:
        cursor.execute(
            b"INSERT INTO pull_requests (item, number, repo, branch, base_branch, head, title, body, url, state) "
            b"VALUES ('0000000002', 1, %s, 'factory/0000000002', 'main', '', '', '', 'local', 'open')",
            [forge.repo],
        )
    head = forge.pushed()

    opened = forge.pulls.open(order(forge, head))

    assert opened.number == 1
    assert [(item, number) for item, number, *_ in rows(forge)] == [(ONE, 1), ("0000000002", 2)]


def test_no_token_is_in_what_is_stored_or_said(forge, caplog) -> None:
    with caplog.at_level("DEBUG"):
        forge.standin.fails(("GET pulls", Failure.ERROR_BEFORE))
        errors: list[Retryable] = []
        head = forge.pushed()
        opened: PullRequestRef = insist(forge, lambda: forge.pulls.open(order(forge, head)), errors)

    assert errors
    assert TOKEN not in json.dumps([str(error) for error in errors]) + repr(opened) + repr(rows(forge)) + caplog.text


def rows(forge: OnGitHub) -> list[tuple[str, int, str, str]]:
    with forge.database.transaction() as cursor:
        found = cursor.execute(b"SELECT item, number, url, head FROM pull_requests ORDER BY number").fetchall()
    return [(row["item"], row["number"], row["url"], row["head"]) for row in found]

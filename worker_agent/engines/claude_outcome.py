"""What the end of a run of Claude Code means (pure). The order of the rules is part of them: the first that fits decides.

Words are the last resort, since they change between versions, and only those of the program itself: never a tool's output,
never what the model says.
"""

import re
from dataclasses import dataclass

from factory.domain.budget import OVER_BUDGET
from worker_agent.contact import Data
from worker_agent.engines.base import Reading
from worker_agent.engines.claude_stream import Complaint, Result, Story
from worker_agent.engines.claude_watch import Overdue
from worker_agent.outcome import Failed

OVERLOAD_SECONDS = 30.0
"""Until an overloaded provider is asked again; the program has tried three times itself by then."""

UNKNOWN_RESET_SECONDS = 900.0
"""Until a usage limit is tried again of which nobody says when it opens: cheap to try, and the longest is a week."""

MAX_RESET_SECONDS = 30 * 86_400.0
"""What the wire takes. A later time is a wrong clock on either side."""

_RESET_MARGIN_SECONDS = 5.0
"""Clocks differ a little; a try just before the limit opens would cost another start."""

_SERVER_ERROR = 500
_TOO_MANY_REQUESTS = 429
_UNAUTHORIZED = 401
_BAD_REQUEST = 400
_CONTEXT = {"prompt_too_long", "blocking_limit"}
_CONTEXT_WORDS = re.compile(r"\bprompt is too long\b", re.IGNORECASE)
_CUT_SHORT = {"error_max_turns": "the number of turns", "error_max_budget_usd": "the budget"}
_PLAN_WORDS = re.compile(r"\b(hit|reached|exceeded) your\b.*\blimit\b|\busage limit reached\b", re.IGNORECASE)
_NOT_THE_PLAN = re.compile(r"not your usage limit", re.IGNORECASE)
_CREDIT_WORDS = re.compile(r"\bcredit balance\b|\bout of (usage )?credits\b", re.IGNORECASE)
_NO_HOOK = "It did not load the lock hook, so its edits asked nobody; it was ended."
_OVER_BUDGET = f"{OVER_BUDGET}: "
_REASON_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Ending:
    """How the process ended.

    Attributes:
        code: negative for a signal.
        overdue: why it was ended, empty where it was not.
        said: the last of its words that were no event.
        proven: it asked for locks before it edited.
    """

    code: int
    timed_out: bool
    overdue: Overdue
    seconds: float
    said: str = ""
    proven: bool = True


def read(story: Story, ending: Ending, now: float) -> Reading:
    """The iteration's outcome. `now` in seconds since 1970, as limits are dated."""
    complaint = _complaint(story)
    if story.result is None and not _is_refused(story, complaint):
        return _error(story, ending, _crashed(ending))
    if _OVER_BUDGET in complaint.words and not _ended_well(story):
        return _refused(story, ending, Failed("policy", complaint.words[complaint.words.index(_OVER_BUDGET) :]))
    if _is_usage_limit(story, complaint):
        return _refused(story, ending, _usage_limit(story, complaint, now))
    if _is_out_of_credits(complaint):
        return _refused(story, ending, Failed("quota", f"The account is out of credits: {complaint.words}", holds="credits"))
    if _is_unauthorized(story, complaint):
        return _refused(story, ending, Failed("auth", _unauthorized(complaint), holds="login"))
    if _is_overload(story, complaint):
        words = complaint.words or "the model's provider does not answer"
        return _refused(story, ending, Failed("infra", f"The model cannot be reached: {words}", retry_after=OVERLOAD_SECONDS))
    return _by_result(story, ending, complaint)


def _by_result(story: Story, ending: Ending, complaint: Complaint) -> Reading:
    result = story.result
    if result is None:
        return _error(story, ending, _crashed(ending))
    if not ending.proven and not result.is_error:
        return _error(story, ending, _NO_HOOK)
    if result.subtype in _CUT_SHORT:
        return _error(story, ending, f"It was cut short by {_CUT_SHORT[result.subtype]}.", cut_short=True)
    if result.terminal_reason in _CONTEXT or (result.is_error and _CONTEXT_WORDS.search(complaint.words)):
        return _error(story, ending, "The context became too long.")
    if complaint.error == "model_not_found":
        return _refused(story, ending, Failed("policy", f"The model cannot be used: {complaint.words}"))
    if denied := sorted({name for call, name in result.denied.items() if call not in story.refused_by_hook}):
        return _error(story, ending, f"It was denied these tools: {', '.join(denied)}.")
    if result.is_error or result.terminal_reason not in {"", "completed"}:
        return _error(story, ending, f"It ended with an error ({result.terminal_reason or result.subtype}): {result.words}")
    if ending.code != 0 and ending.overdue != "lived on":
        return _error(story, ending, f"It said that all went well, but ended with status {ending.code}.")
    return Reading(succeeded=True, tokens=story.tokens, facts=_facts(story, ending))


# -- what is refused --------------------------------------------------------------------------------------------------


def _complaint(story: Story) -> Complaint:
    """What the program said of an error, from its own message or its erroneous result."""
    said, result = story.complaint, story.result
    if result is None or not result.is_error:
        return said if said is not None and result is None else Complaint()
    if said is None:
        return Complaint(words=result.words, status=result.status)
    return Complaint(said.error, said.words or result.words, said.status if said.status is not None else result.status, said.api_error)


def _is_refused(story: Story, complaint: Complaint) -> bool:
    return complaint.error != "" or story.limit is not None or story.retried == "authentication_failed"


def _ended_well(story: Story) -> bool:
    return story.result is not None and not story.result.is_error


def _is_usage_limit(story: Story, complaint: Complaint) -> bool:
    if _ended_well(story) or _NOT_THE_PLAN.search(complaint.words):
        return False
    if story.limit is not None and story.limit.resets_at is not None:
        return True
    limited = complaint.error == "rate_limit" or complaint.status == _TOO_MANY_REQUESTS
    return complaint.api_error == "usage_limit_reached" or (limited and bool(_PLAN_WORDS.search(complaint.words)))


def _usage_limit(story: Story, complaint: Complaint, now: float) -> Failed:
    limit = story.limit
    kind = f" ({limit.kind})" if limit and limit.kind else ""
    reason = f"The account's usage limit{kind} is reached: {complaint.words or 'no words were given'}"
    if limit is None or limit.resets_at is None:
        return Failed("quota", reason, retry_after=UNKNOWN_RESET_SECONDS, holds="account")
    seconds = limit.resets_at - now + _RESET_MARGIN_SECONDS
    return Failed("quota", reason, retry_after=min(max(seconds, _RESET_MARGIN_SECONDS), MAX_RESET_SECONDS), holds="account")


def _is_out_of_credits(complaint: Complaint) -> bool:
    spoken = complaint.status in {_BAD_REQUEST, _TOO_MANY_REQUESTS, 402, 403} and bool(_CREDIT_WORDS.search(complaint.words))
    return complaint.error == "billing_error" or spoken


def _is_unauthorized(story: Story, complaint: Complaint) -> bool:
    if _ended_well(story):
        return False
    told = (complaint.error, story.retried if story.result is None else "")
    return "authentication_failed" in told or complaint.status == _UNAUTHORIZED


def _unauthorized(complaint: Complaint) -> str:
    words = complaint.words or "the provider refuses it"
    return f"Claude Code's login does not work ({words}); `claude setup-token` makes a new one, or give it an ANTHROPIC_API_KEY."


def _is_overload(story: Story, complaint: Complaint) -> bool:
    if _ended_well(story):
        return False
    broken = complaint.status is not None and complaint.status >= _SERVER_ERROR
    # A limit without a time and a 429 without the plan's words are the server's own throttle.
    throttled = complaint.error == "rate_limit" or complaint.status == _TOO_MANY_REQUESTS or story.limit is not None
    return broken or throttled or complaint.error in {"server_error", "overloaded"} or complaint.api_error == "connection_failed"


# -- readings ---------------------------------------------------------------------------------------------------------


def _crashed(ending: Ending) -> str:
    said = f" Its last words: {ending.said}" if ending.said else ""
    if ending.timed_out:
        return f"It was ended after {ending.seconds:.0f} seconds, before it had a result."
    match ending.overdue:
        case "hung after a tool":
            return "It hung after a tool's result, and was ended."
        case "no lock hook":
            return _NO_HOOK
        case "no events":
            return "no events: it said nothing for too long, and was ended."
        case _:
            return f"It ended with status {ending.code} and without a result.{said}"


def _error(story: Story, ending: Ending, words: str, *, cut_short: bool = False) -> Reading:
    return Reading(
        succeeded=False, tokens=story.tokens, error=words[:_REASON_CHARACTERS], cut_short=cut_short, facts=_facts(story, ending)
    )  # fmt: skip


def _refused(story: Story, ending: Ending, failed: Failed) -> Reading:
    reason = failed.reason[:_REASON_CHARACTERS]
    told = Failed(failed.failure, reason, reason, failed.retry_after, failed.holds)
    return Reading(succeeded=False, tokens=story.tokens, error=reason, outcome=told, facts=_facts(story, ending))


def _facts(story: Story, ending: Ending) -> dict[str, Data]:
    """What the iteration's event tells of it."""
    facts: dict[str, Data] = {"claude_code_version": story.version, "model": story.model}
    if ending.overdue:
        facts["ended_because"] = ending.overdue
    return facts | (_figures(story.result) if story.result else {})


def _figures(result: Result) -> dict[str, Data]:
    return {
        "turns": result.turns,
        "cost_usd": round(result.cost, 6),
        "cached_tokens": result.cached_tokens,
        "terminal_reason": result.terminal_reason or result.subtype,
    }

"""What becomes of an item when its issue or its pull request has something to say.

parked "spec" ──specified──► queued        parked "spec" ──questioned──► needs_approval ──reopened──► parked "spec"
in_review ──merged──► completed   ──closed──► cancelled   ──rework──► queued, or stuck where there were enough of them
Merged and closed end an item also while it is reworked or was given up: a person needs no leave of the factory for either.
"""

from dataclasses import dataclass

from factory.domain.work_item import LEASED, TERMINAL, WAITS_FOR_A_PERSON, Standing, Status

SPEC_CONDITION = "spec"
"""What parks an item until its spec is written."""

_TOO_LATE = TERMINAL | {Status.PUBLISHING, Status.IN_REVIEW}

# Not while it is published: delivery finds the same out before it pushes, and refuses the result.
_OVER_WITH_ITS_PULL_REQUEST = LEASED | WAITS_FOR_A_PERSON | {Status.IN_REVIEW, Status.QUEUED, Status.PARKED, Status.FAILED}


@dataclass(frozen=True, slots=True)
class Redirected:
    """The item's row after the word. `spec` is dropped where it no longer says what is wanted."""

    status: Status
    reason: str
    condition: str | None = None
    attempts: int = 0
    setbacks: int = 0
    reworks: int = 0
    drops_spec: bool = False


@dataclass(frozen=True, slots=True)
class Unmoved:
    """Nothing changes. `known` where the word was carried out before."""

    reason: str
    known: bool = False


def specified(standing: Standing, condition: str | None, *, has_spec: bool) -> Redirected | Unmoved:
    """Its spec is written."""
    if standing.status is Status.PARKED and condition == SPEC_CONDITION:
        return Redirected(Status.QUEUED, "", attempts=standing.attempts, setbacks=standing.setbacks)
    return Unmoved(f"{standing.item} is {standing.status}, and waits for no spec", known=has_spec)


def questioned(standing: Standing, condition: str | None, reason: str) -> Redirected | Unmoved:
    """The spec cannot be written before somebody has answered."""
    if standing.status is Status.PARKED and condition == SPEC_CONDITION:
        return Redirected(Status.NEEDS_APPROVAL, reason, attempts=standing.attempts, setbacks=standing.setbacks)
    return Unmoved(f"{standing.item} is {standing.status}, and waits for no spec", known=standing.status is Status.NEEDS_APPROVAL)


def reopened(standing: Standing, condition: str | None, by: str, *, has_spec: bool) -> Redirected | Unmoved:
    """Somebody answered what kept the spec from being written."""
    if standing.status is Status.NEEDS_APPROVAL and not has_spec:
        return waits_for_spec(standing, f"answered by {by}")
    waits = standing.status is Status.PARKED and condition == SPEC_CONDITION
    return Unmoved(f"{standing.item} is {standing.status}, and no answer is waited for", known=waits)


def waits_for_spec(standing: Standing, reason: str) -> Redirected:
    """Wherever an item without a spec would be queued."""
    return Redirected(Status.PARKED, reason, SPEC_CONDITION, standing.attempts, standing.setbacks)


def reworded(standing: Standing, reason: str, *, said_before: bool = False) -> Redirected | Unmoved:
    """What was labelled is not what the issue says now. A result that is there already is judged by itself."""
    if standing.status is Status.NEEDS_APPROVAL and said_before:
        return Unmoved(f"{standing.item} waits for a person because of this very change", known=True)
    if standing.status in _TOO_LATE:
        return Unmoved(f"{standing.item} is {standing.status}: the change comes too late for it")
    return Redirected(Status.NEEDS_APPROVAL, reason, attempts=standing.attempts, setbacks=standing.setbacks, drops_spec=True)


def followed(standing: Standing, reworks: int, what: str, reason: str, max_reworks: int) -> Redirected | Unmoved:
    """What happened to its pull request.

    Args:
        reworks: so far.
    """
    is_over = what in {"merged", "closed"} and standing.status in _OVER_WITH_ITS_PULL_REQUEST
    if standing.status is not Status.IN_REVIEW and not is_over:
        return Unmoved(
            f"{standing.item} is {standing.status}, and not in review", known=standing.status in {Status.COMPLETED, Status.CANCELLED}
        )
    match what:
        case "merged":
            return Redirected(Status.COMPLETED, reason, attempts=standing.attempts, reworks=reworks)
        case "closed":
            return Redirected(Status.CANCELLED, reason, attempts=standing.attempts, reworks=reworks)
        case "rework" if reworks < max_reworks:
            # The attempts of the work that is under review now have ended well; those of the rework are counted anew.
            return Redirected(Status.QUEUED, reason, reworks=reworks + 1)
        case "rework":
            return Redirected(Status.STUCK, f"{reason} (after {reworks} reworks)", reworks=reworks)
        case _:
            return Redirected(Status.STUCK, reason, reworks=reworks)

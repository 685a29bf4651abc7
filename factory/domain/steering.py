"""What an operator's word does to an item, or the sentence that says why not."""

from dataclasses import dataclass

from factory.domain.outside import SPEC_CONDITION
from factory.domain.work_item import LEASED, TERMINAL, Failed, FailureClass, RetryPolicy, Standing, Status, after


@dataclass(frozen=True, slots=True)
class Steered:
    """The item's row after the word."""

    status: Status
    attempts: int
    setbacks: int
    reason: str
    approves: bool = False
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class Declined:
    """Nothing changes. `conflict` where the item's state is in the way, so that another moment may do."""

    reason: str
    conflict: bool = True


_RETRIED = TERMINAL - {Status.COMPLETED} | {Status.STUCK, Status.NEEDS_APPROVAL, Status.PARKED, Status.QUEUED}


def steer(
    verb: str, standing: Standing, operator: str, policy: RetryPolicy, *, has_result: bool, has_spec: bool = True, why: str = ""
) -> Steered | Declined:
    """One of kill, retry, cancel, approve, reject.

    Args:
        has_result: whether the item's last attempt left a commit that an approval could be for.
        has_spec: whether it could be queued; without one it goes to those that wait for theirs.
        why: the operator's own words about a rejection, in one line; may be empty.
    """
    match verb:
        case "kill":
            return _kill(standing, operator, policy)
        case "retry":
            return _retry(standing, operator, has_spec=has_spec)
        case "cancel":
            return _cancel(standing, operator)
        case "approve":
            return _approve(standing, operator, has_result=has_result, has_spec=has_spec)
        case "reject":
            return _reject(standing, operator, why)
        case _:
            return Declined(f"there is no command {verb!r}", conflict=False)


def _is(standing: Standing, wanted: str) -> Declined:
    return Declined(f"{standing.item} is {standing.status}, {wanted}")


def _kill(standing: Standing, operator: str, policy: RetryPolicy) -> Steered | Declined:
    if standing.status not in LEASED:
        return _is(standing, "only an assigned or running item has a worker to kill")
    following = after(standing, Failed(FailureClass.AGENT, f"killed by {operator}"), policy, 0.0)
    return Steered(following.status, following.attempts, following.setbacks, following.reason)


def _retry(standing: Standing, operator: str, *, has_spec: bool) -> Steered | Declined:
    if standing.status not in _RETRIED:
        return _is(standing, "only an item that failed, was cancelled or waits can be retried")
    said = f"retried by {operator}"
    return Steered(Status.QUEUED, 0, 0, said) if has_spec else Steered(Status.PARKED, 0, 0, said, condition=SPEC_CONDITION)


def _cancel(standing: Standing, operator: str) -> Steered | Declined:
    if standing.status in TERMINAL:
        return _is(standing, "it has ended already")
    return Steered(Status.CANCELLED, standing.attempts, standing.setbacks, f"cancelled by {operator}")


def _approve(standing: Standing, operator: str, *, has_result: bool, has_spec: bool) -> Steered | Declined:
    if standing.status is not Status.NEEDS_APPROVAL:
        return _is(standing, "only an item that needs approval can be approved")
    if not has_spec:
        said = f"approved by {operator}"
        return Steered(Status.PARKED, standing.attempts, standing.setbacks, said, condition=SPEC_CONDITION)
    if not has_result:
        return Declined(f"{standing.item} has no result that could be approved; mend the cause and retry it")
    return Steered(Status.PUBLISHING, standing.attempts, standing.setbacks, f"approved by {operator}", approves=True)


def _reject(standing: Standing, operator: str, why: str) -> Steered | Declined:
    if standing.status is not Status.NEEDS_APPROVAL:
        return _is(standing, "only an item that needs approval can be rejected")
    said = f"rejected by {operator}: {why}" if why else f"rejected by {operator}"
    return Steered(Status.CANCELLED, standing.attempts, standing.setbacks, said)

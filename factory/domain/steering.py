"""What an operator's word does to an item, or the sentence that says why not."""

from dataclasses import dataclass

from factory.domain.work_item import LEASED, TERMINAL, Failed, FailureClass, RetryPolicy, Standing, Status, after


@dataclass(frozen=True, slots=True)
class Steered:
    """The item's row after the word."""

    status: Status
    attempts: int
    setbacks: int
    reason: str
    approves: bool = False


@dataclass(frozen=True, slots=True)
class Declined:
    """Nothing changes. `conflict` where the item's state is in the way, so that another moment may do."""

    reason: str
    conflict: bool = True


_RETRIED = TERMINAL - {Status.COMPLETED} | {Status.STUCK, Status.NEEDS_APPROVAL, Status.PARKED, Status.QUEUED}


def steer(verb: str, standing: Standing, operator: str, policy: RetryPolicy, *, has_result: bool) -> Steered | Declined:
    """One of kill, retry, cancel, approve, reject.

    Args:
        has_result: whether the item's last attempt left a commit that an approval could be for.
    """
    match verb:
        case "kill":
            return _kill(standing, operator, policy)
        case "retry":
            return _retry(standing, operator)
        case "cancel":
            return _cancel(standing, operator)
        case "approve":
            return _approve(standing, operator, has_result=has_result)
        case "reject":
            return _reject(standing, operator)
        case _:
            return Declined(f"there is no command {verb!r}", conflict=False)


def _is(standing: Standing, wanted: str) -> Declined:
    return Declined(f"{standing.item} is {standing.status}, {wanted}")


def _kill(standing: Standing, operator: str, policy: RetryPolicy) -> Steered | Declined:
    if standing.status not in LEASED:
        return _is(standing, "only an assigned or running item has a worker to kill")
    following = after(standing, Failed(FailureClass.AGENT, f"killed by {operator}"), policy, 0.0)
    return Steered(following.status, following.attempts, following.setbacks, following.reason)


def _retry(standing: Standing, operator: str) -> Steered | Declined:
    if standing.status not in _RETRIED:
        return _is(standing, "only an item that failed, was cancelled or waits can be retried")
    return Steered(Status.QUEUED, 0, 0, f"retried by {operator}")


def _cancel(standing: Standing, operator: str) -> Steered | Declined:
    if standing.status in TERMINAL:
        return _is(standing, "it has ended already")
    return Steered(Status.CANCELLED, standing.attempts, standing.setbacks, f"cancelled by {operator}")


def _approve(standing: Standing, operator: str, *, has_result: bool) -> Steered | Declined:
    if standing.status is not Status.NEEDS_APPROVAL:
        return _is(standing, "only an item that needs approval can be approved")
    if not has_result:
        return Declined(f"{standing.item} has no result that could be approved; mend the cause and retry it")
    return Steered(Status.PUBLISHING, standing.attempts, standing.setbacks, f"approved by {operator}", approves=True)


def _reject(standing: Standing, operator: str) -> Steered | Declined:
    if standing.status is not Status.NEEDS_APPROVAL:
        return _is(standing, "only an item that needs approval can be rejected")
    return Steered(Status.CANCELLED, standing.attempts, standing.setbacks, f"rejected by {operator}")

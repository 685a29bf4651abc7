"""What a key does: from the rows that were on the screen to commands, and to the question that comes before. Pure.

Each command names the attempt that was seen, so a kill that was meant for it never hits the one after it; the factory refuses it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from factory.domain.limits import Switchable, SwitchVerb
from factory.domain.work_item import Priority
from factory.protocol.commands import AnyRequest, Steer, SteerVerb, Switch
from tui.world import Seen

PARTS: tuple[Switchable, ...] = ("intake", "dispatch")

_WORKED_ON = frozenset({"assigned", "running"})
_OVER = frozenset({"completed", "cancelled"})
_RETRIED = frozenset({"failed", "stuck", "cancelled", "needs_approval", "parked"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be sent, once the question is answered with yes; without a question at once.

    Attributes:
        refusal: why nothing is sent; then all else is empty.
        purpose: what the notice calls it.
    """

    purpose: str = ""
    requests: tuple[AnyRequest, ...] = ()
    question: str = ""
    facts: tuple[str, ...] = ()
    refusal: str = ""


def kill(items: Sequence[Seen], operator: str) -> Plan:
    """Ends the running attempts; each item goes back to the queue."""
    return _destructive("kill", [seen for seen in items if _status(seen) in _WORKED_ON], operator, "Nothing works on it.", _goes_back)


def cancel(items: Sequence[Seen], operator: str) -> Plan:
    """Ends the items for good."""
    return _destructive("cancel", [seen for seen in items if _status(seen) not in _OVER], operator, "It is over.", _ends)


def reject(items: Sequence[Seen], operator: str) -> Plan:
    """Says no to what waits for an approval."""
    waiting = [seen for seen in items if _status(seen) == "needs_approval"]
    return _destructive("reject", waiting, operator, "It does not wait for an approval.", _ends)


def approve(items: Sequence[Seen], operator: str) -> Plan:
    """Says yes to exactly the results that were shown."""
    waiting = [seen for seen in items if _status(seen) == "needs_approval"]
    if not waiting:
        return Plan(refusal="It does not wait for an approval.")
    return Plan(f"approve {_names(waiting)}", tuple(_steer("approve", seen, operator) for seen in waiting))


def retry(items: Sequence[Seen], operator: str) -> Plan:
    """Queues again what failed, is stuck or was cancelled."""
    ended = [seen for seen in items if _status(seen) in _RETRIED]
    if not ended:
        return Plan(refusal="Only what failed, is stuck, waits for a person or was cancelled can be retried.")
    return Plan(f"retry {_names(ended)}", tuple(_steer("retry", seen, operator) for seen in ended))


def prioritise(items: Sequence[Seen], by: int, operator: str) -> Plan:
    """Raises the priority by so many steps; a negative number lowers it."""
    changed = [(seen, _priority(seen) - by) for seen in items if _status(seen) not in _OVER]
    possible = [(seen, to) for seen, to in changed if Priority.CRITICAL <= to <= Priority.LOW]
    if not possible:
        return Plan(refusal="Its priority is at the end of the scale." if changed else "It is over.")
    word = "raise" if by > 0 else "lower"
    names = _names([seen for seen, _ in possible])
    return Plan(f"{word} {names}", tuple(_steer("prioritise", seen, operator, str(int(to))) for seen, to in possible))


ITEM_PLANS: Mapping[str, Callable[[Sequence[Seen], str], Plan]] = {
    "kill": kill, "cancel": cancel, "reject": reject, "approve": approve, "retry": retry,
}  # fmt: skip
"""Plans by the verb of a key."""


def undone(plan: Plan, before: Sequence[Seen], operator: str) -> Plan:
    """The plan that puts priorities back to what they were."""
    return Plan(f"undo: {plan.purpose}", tuple(_steer("prioritise", seen, operator, str(_priority(seen))) for seen in before))


def switch(verb: SwitchVerb, operator: str, parts: tuple[Switchable, ...] = PARTS) -> Plan:
    """Pauses, drains or resumes. Nothing of it destroys anything, so it asks nothing."""
    return Plan(f"{verb} {' and '.join(parts)}", (Switch(uuid4().hex, verb, parts, operator),))


def _destructive(verb: SteerVerb, items: Sequence[Seen], operator: str, refusal: str, then: Callable[[Seen], str]) -> Plan:
    if not items:
        return Plan(refusal=refusal)
    question = f"{verb.capitalize()} {_names(items)}?"
    facts = [line for seen in items[:5] for line in (f"{_id(seen)}  {seen.row.get('title') or ''}", f"    {then(seen)}")]
    if len(items) > len(facts) // 2:
        facts.append(f"and {len(items) - len(facts) // 2} more")
    return Plan(f"{verb} {_names(items)}", tuple(_steer(verb, seen, operator) for seen in items), question, tuple(facts))


def _goes_back(seen: Seen) -> str:
    return (
        f"Its worker ends and the attempt counts ({seen.row.get('attempts') or 0} counted before); it is queued again while some are left."
    )


def _ends(seen: Seen) -> str:
    return f"It is {_status(seen)}, and ends for good. Nothing of it is published."


def _steer(verb: SteerVerb, seen: Seen, operator: str, argument: str = "") -> Steer:
    epoch = seen.row.get("epoch")
    return Steer(uuid4().hex, verb, _id(seen), operator, None if epoch is None else int(epoch), argument)


def _names(items: Sequence[Seen]) -> str:
    return _id(items[0]) if len(items) == 1 else f"{len(items)} items"


def _id(seen: Seen) -> str:
    return str(seen.row.get("id"))


def _status(seen: Seen) -> str:
    return str(seen.row.get("status"))


def _priority(seen: Seen) -> int:
    return int(seen.row.get("priority", Priority.MEDIUM))

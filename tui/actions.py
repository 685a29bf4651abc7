"""What a key does: from the rows that were on the screen to commands, and to the question that comes before. Pure.

Each command names the attempt that was seen, so a kill that was meant for it never hits the one after it; the factory refuses it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from factory.domain.clean import clean_line
from factory.domain.limits import Switchable, SwitchVerb
from factory.domain.work_item import Priority
from factory.protocol.commands import MAX_WHY, AnyRequest, EmergencyStop, Steer, SteerVerb, Switch
from tui.world import Seen

PARTS: tuple[Switchable, ...] = ("intake", "dispatch")

MOST_FACTS = 5
"""Rows that a question names; it counts the others."""
MOST_NOTE = 2_000

_WORKED_ON = frozenset({"assigned", "running"})
_OVER = frozenset({"completed", "cancelled"})
_RETRIED = frozenset({"failed", "stuck", "cancelled", "needs_approval", "parked"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be sent, once the question is answered with yes; without a question at once.

    Attributes:
        refusal: why nothing is sent; then all else is empty.
        purpose: what the notice calls it.
        typed: what has to be typed as the answer, instead of `y`: the number of rows where there are several.
        asks: a text is asked for first, under this label; `told` makes the plan of it.
    """

    purpose: str = ""
    requests: tuple[AnyRequest, ...] = ()
    question: str = ""
    facts: tuple[str, ...] = ()
    refusal: str = ""
    typed: str = ""
    asks: str = ""
    told: "Callable[[str], Plan] | None" = None


def kill(items: Sequence[Seen], operator: str) -> Plan:
    """Ends the running attempts; each item goes back to the queue."""
    return _destructive("kill", [seen for seen in items if _status(seen) in _WORKED_ON], operator, "Nothing works on it.", _goes_back)


def cancel(items: Sequence[Seen], operator: str) -> Plan:
    """Ends the items for good."""
    return _destructive("cancel", [seen for seen in items if _status(seen) not in _OVER], operator, "It is over.", _ends)


def reject(items: Sequence[Seen], operator: str) -> Plan:
    """Asks for a reason, and says no to what waits for an approval."""
    waiting = [seen for seen in items if _status(seen) == "needs_approval"]
    if not waiting:
        return Plan(refusal="It does not wait for an approval.")

    def told(text: str) -> Plan:
        why = clean_line(text)
        if not 0 < len(why) <= MAX_WHY:
            return Plan(refusal=f"A reason has 1 to {MAX_WHY} characters.")
        plan = _destructive("reject", waiting, operator, "", _ends, argument=why)
        # The reason that was typed is the yes to one; several are counted.
        return plan if plan.typed else Plan(plan.purpose, plan.requests)

    return Plan(asks=f"Reject {_names(waiting)} for good: why?", told=told)


def approve(items: Sequence[Seen], operator: str) -> Plan:
    """Says yes to exactly the results that were shown."""
    waiting = [seen for seen in items if _status(seen) == "needs_approval"]
    if not waiting:
        return Plan(refusal="It does not wait for an approval.")
    return Plan(f"approve {_names(waiting)}", tuple(_steer("approve", seen, operator, as_seen=True) for seen in waiting))


def retry(items: Sequence[Seen], operator: str) -> Plan:
    """Queues again what failed, is stuck or was cancelled."""
    ended = [seen for seen in items if _status(seen) in _RETRIED]
    if not ended:
        return Plan(refusal="Only what failed, is stuck, waits for a person or was cancelled can be retried.")
    return Plan(f"retry {_names(ended)}", tuple(_steer("retry", seen, operator, as_seen=True) for seen in ended))


def priority(seen: Seen) -> int:
    """As the row has it: 0 is first."""
    return int(seen.row.get("priority", Priority.MEDIUM))


def prioritise(items: Sequence[Seen], by: int, operator: str, now: Callable[[Seen], int] = priority) -> Plan:
    """Raises the priority by so many steps; a negative number lowers it.

    Args:
        now: the priority that an item has, or will have once what was sent before is done.
    """
    changed = [(seen, now(seen) - by) for seen in items if _status(seen) not in _OVER]
    possible = [(seen, to) for seen, to in changed if Priority.CRITICAL <= to <= Priority.LOW]
    if not possible:
        return Plan(refusal="Its priority is at the end of the scale." if changed else "It is over.")
    word = "raise" if by > 0 else "lower"
    names = _names([seen for seen, _ in possible])
    return Plan(f"{word} {names}", tuple(_steer("prioritise", seen, operator, str(int(to))) for seen, to in possible))


def undone(plan: Plan, before: Sequence[Seen], operator: str, now: Callable[[Seen], int] = priority) -> Plan:
    """The plan that puts priorities back to what they were. Made before the other one is sent; `now` as there."""
    changed = {request.item for request in plan.requests if isinstance(request, Steer)}
    put_back = [seen for seen in before if _id(seen) in changed]
    return Plan(f"undo: {plan.purpose}", tuple(_steer("prioritise", seen, operator, str(now(seen))) for seen in put_back))


def switch(verb: SwitchVerb, operator: str, parts: tuple[Switchable, ...] = PARTS) -> Plan:
    """Pauses, drains or resumes. Nothing of it destroys anything, so it asks nothing."""
    return Plan(f"{verb} {' and '.join(parts)}", (Switch(uuid4().hex, verb, parts, operator),))


def switching(verb: str, part: str, operator: str) -> Plan:
    """The same from words that were typed; `part` empty: both. Drain is about dispatch alone."""
    verbs: Mapping[str, SwitchVerb] = {"pause": "pause", "drain": "drain", "resume": "resume"}
    parts: Mapping[str, tuple[Switchable, ...]] = {"intake": ("intake",), "dispatch": ("dispatch",), "": PARTS}
    if verb == "drain":
        return (
            Plan(refusal="Drain is about dispatch: it lets what runs end.")
            if part == "intake"
            else switch("drain", operator, ("dispatch",))
        )
    return switch(verbs[verb], operator, parts[part])


def note(items: Sequence[Seen], operator: str) -> Plan:
    """Asks for a text, and has it said to the agents that work on the items, or that will."""
    open_ = [seen for seen in items if _status(seen) not in _OVER]
    if not open_:
        return Plan(refusal="It is over: nobody would read a note.")

    def told(text: str) -> Plan:
        words = text.strip()
        if not 0 < len(words) <= MOST_NOTE:
            return Plan(refusal=f"A note has 1 to {MOST_NOTE} characters.")
        return Plan(f"note to {_names(open_)}", tuple(_steer("note", seen, operator, words) for seen in open_))

    return Plan(asks=f"Note to the agent of {_names(open_)}", told=told)


def emergency_stop(items: Sequence[Seen], operator: str) -> Plan:
    """Ends all that works, and lets nothing start. What was done is kept; resuming goes on with it."""
    working = [seen for seen in items if _status(seen) in _WORKED_ON]
    facts = (
        "All agents end at once, and none is started until dispatch is resumed.",
        "What they did is kept; nothing counts against their items, which are queued again.",
        *(f"  {_id(seen)}  {seen.row.get('title') or ''}" for seen in working[:MOST_FACTS]),
        *([f"  and {len(working) - MOST_FACTS} more"] if len(working) > MOST_FACTS else []),
    )
    return Plan("emergency stop", (EmergencyStop(uuid4().hex, operator),), f"Stop all? {len(working)} at work.", facts)


ITEM_PLANS: Mapping[str, Callable[[Sequence[Seen], str], Plan]] = {
    "kill": kill, "cancel": cancel, "reject": reject, "approve": approve, "retry": retry, "note": note,
}  # fmt: skip
"""Plans by the verb of a key."""


def _destructive(
    verb: SteerVerb, items: Sequence[Seen], operator: str, refusal: str, then: Callable[[Seen], str], *, argument: str = ""
) -> Plan:
    if not items:
        return Plan(refusal=refusal)
    question = f"{verb.capitalize()} {_names(items)}?"
    facts = [line for seen in items[:MOST_FACTS] for line in (f"{_id(seen)}  {seen.row.get('title') or ''}", f"    {then(seen)}")]
    if len(items) > MOST_FACTS:
        facts.append(f"and {len(items) - MOST_FACTS} more")
    # A kill names its attempt: the work that it ends goes on changing the item, and is meant all the same.
    requests = tuple(_steer(verb, seen, operator, argument, as_seen=verb != "kill") for seen in items)
    return Plan(f"{verb} {_names(items)}", requests, question, tuple(facts), typed=str(len(items)) if len(items) > 1 else "")


def _goes_back(seen: Seen) -> str:
    before = seen.row.get("attempts") or 0
    return f"Its worker ends and the attempt counts ({before} counted before); it is queued again while some are left."


def _ends(seen: Seen) -> str:
    return f"It is {_status(seen)}, and ends for good. Nothing of it is published."


def _steer(verb: SteerVerb, seen: Seen, operator: str, argument: str = "", *, as_seen: bool = False) -> Steer:
    """`as_seen`: only if nothing of the item has changed since, not only its attempt."""
    epoch, version = seen.row.get("epoch"), seen.row.get("version")
    return Steer(
        uuid4().hex,
        verb,
        _id(seen),
        operator,
        None if epoch is None else int(epoch),
        argument,
        int(version) if as_seen and version is not None else None,
    )


def _names(items: Sequence[Seen]) -> str:
    return _id(items[0]) if len(items) == 1 else f"{len(items)} items"


def _id(seen: Seen) -> str:
    return str(seen.row.get("id"))


def _status(seen: Seen) -> str:
    return str(seen.row.get("status"))

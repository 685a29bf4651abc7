"""Which factory works on an issue, where several watch one repository.

Of two that take a label off at the same time the forge tells one that it was not there any more. Whoever takes an issue up says so in
the comment that tells of it; so the other one learns whom it has to leave it to, and does nothing more to the issue.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from factory.domain.issue_known import ELSEWHERE_REASON, Known, LabelNames, Shown, State
from factory.domain.issue_trust import Happening, comments_since, last_labelled

_CLAIM = re.compile(r"<!-- ai-factory-claim:(?P<instance>[\w.-]{1,64}) -->")


def claim(instance: str) -> str:
    """Stands unseen in the comment that an issue was taken up."""
    return f"<!-- ai-factory-claim:{instance} -->"


def claim_kind(known: Known) -> str:
    """Under which it is noted that this factory has the issue since it was labelled; kept where comments are."""
    return f"claim-{known.label_event}"


def is_claim(known: Known, shown: Shown) -> bool:
    """Whether labels are exchanged for the first time since somebody put the one on that asks: whoever takes that one off has the issue.

    What an operator has done again later is nobody else's.
    """
    is_first = shown is Shown.PROCESSING and known.shown not in {Shown.PROCESSING, Shown.QUESTION}
    return is_first and claim_kind(known) not in known.said


def stands_elsewhere(known: Known, history: Sequence[Happening], names: LabelNames) -> bool:
    """Whether it carries a label that says somebody works on it, and this factory does not."""
    working = (Shown.PROCESSING, Shown.QUESTION)
    return known.shown not in working and any(last_labelled(history, names.of(shown)) for shown in working)


def claimant(history: Sequence[Happening], known: Known, asks: str, instance: str) -> str:
    """The other factory that took the issue up since it was labelled; empty where the history shows none.

    Only a comment of whoever took the label off counts: anybody may write one that looks alike.
    """
    labelled = next((one for one in history if one.number == known.label_event), None)
    taken_off = [one for one in history if one.kind == "unlabeled" and one.label.lower() == asks.lower()]
    if labelled is None or not taken_off or taken_off[-1].at < labelled.at:
        return ""
    said = [_CLAIM.search(one.text) for one in comments_since(history, labelled.at) if one.who.number == taken_off[-1].who.number]
    others = [found["instance"] for found in said if found and found["instance"] != instance]
    return others[-1] if others else ""


def left_to(known: Known, event: int, whose: str) -> Known:
    """The issue where another factory works on it: nothing of it is shown there, and its item, if there is one, is cancelled."""
    return replace(
        known, state=State.CANCELLING, reason=f"{ELSEWHERE_REASON} works on it: {whose}", label_event=max(event, known.label_event),
        end_event=event, by="another factory",
    )  # fmt: skip

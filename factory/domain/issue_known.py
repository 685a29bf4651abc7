"""An issue as intake keeps it, as its forge shows it, and as the queue has its item."""

import re
from dataclasses import dataclass
from enum import StrEnum

from factory.domain.ids import ItemId
from factory.domain.issue import IssueText
from factory.domain.outside import SPEC_CONDITION
from factory.domain.work_item import TERMINAL, Status

QUESTIONS_REASON = "The issue leaves open:"
"""How the reason of an item begins whose spec could not be written for want of an answer."""

ELSEWHERE_REASON = "another factory"
"""How the reason of an issue begins that is left to somebody else's factory."""

_PULL = re.compile(r"/pull/([0-9]{1,9})\Z")


class State(StrEnum):
    """Of an issue, as intake keeps it."""

    NEW = "new"
    ACCEPTED = "accepted"
    RETRYING = "retrying"
    CANCELLING = "cancelling"
    ANSWERED = "answered"
    REWORDED = "reworded"
    REFUSED = "refused"
    OVER = "over"


ENDED = frozenset({State.REFUSED, State.OVER})


class Shown(StrEnum):
    """What the labels of an issue say of it."""

    NOTHING = ""
    PROCESSING = "processing"
    QUESTION = "question"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LabelNames:
    """The label that asks, and those that answer, which are made of its name."""

    asks: str = "ai-factory"

    def of(self, shown: Shown) -> str:
        return f"{self.asks}-{shown}" if shown else ""

    @property
    def answers(self) -> tuple[str, ...]:
        return tuple(self.of(shown) for shown in Shown if shown)


@dataclass(frozen=True, slots=True)
class Seen:
    """An issue as the last look showed it. `updated_at`: seconds since 1970, by the forge's clock."""

    text: IssueText
    author: str
    labels: tuple[str, ...]
    is_open: bool
    updated_at: float
    url: str = ""
    comments: int = 0

    def has(self, label: str) -> bool:
        return label.lower() in {name.lower() for name in self.labels}


@dataclass(frozen=True, slots=True)
class ItemState:
    """The item behind an issue, as the queue has it."""

    status: Status
    condition: str | None = None
    reason: str = ""
    evidence: str = ""
    pr_url: str = ""
    version: int = 0

    @property
    def is_over(self) -> bool:
        return self.status in TERMINAL

    @property
    def pull(self) -> int:
        """The number of its pull request on the forge, 0 without one."""
        found = _PULL.search(self.pr_url)
        return int(found[1]) if found else 0

    @property
    def asks(self) -> bool:
        """Whether it waits for answers to questions of the spec writer."""
        return self.status is Status.NEEDS_APPROVAL and self.reason.startswith(QUESTIONS_REASON)

    @property
    def waits_for_spec(self) -> bool:
        return self.status is Status.PARKED and self.condition == SPEC_CONDITION


@dataclass(frozen=True, slots=True)
class Known:
    """An issue as it is stored.

    Attributes:
        run: raised where an issue whose item is completed is labelled again: another item.
        act: raised at each beginning, so that what is said about one is said once.
        text: what the item is made from, raw; `approved` is the text that somebody stood for by labelling, or by approving an edit.
        labelled_by, label_event: who asked for it last, and by which entry of the history.
        by: whose act the queue has yet to hear of.
        end_event: the entry that it was cancelled for: nobody is cancelled twice for one act.
        checked_at: `updated_at` up to which the history was looked at.
        looks: at a history that did not show what the issue shows.
        asked_at: when questions were put to it, seconds by the forge's clock.
        answers: quoted answers to them, for the spec.
        needs: labels that a host must have to work on it.
        waits_at: status and reason for which the item was last told to wait for a person.
    """

    key: str
    source: str
    source_id: str
    repo: str
    number: int
    seen: Seen
    state: State = State.NEW
    reason: str = ""
    run: int = 1
    act: int = 1
    item: ItemId = ItemId("")  # noqa: RUF009 - a text
    text: IssueText = IssueText("", "")  # noqa: RUF009 - frozen
    approved: IssueText = IssueText("", "")  # noqa: RUF009 - frozen
    labelled_by: str = ""
    label_event: int = 0
    end_event: int = 0
    checked_at: float = 0.0
    looks: int = 0
    asked_at: float | None = None
    answers: str = ""
    shown: Shown = Shown.NOTHING
    said: frozenset[str] = frozenset()
    by: str = ""
    base_branch: str = ""
    priority: int = 2
    engine: str = ""
    needs: tuple[str, ...] = ()
    address: str = ""
    tries: int = 0

    @property
    def is_elsewhere(self) -> bool:
        """Whether another factory works on it."""
        return self.reason.startswith(ELSEWHERE_REASON)

"""What issues and pull requests have to say about work items. Parts of the inboxes in `mailbox`.

Every word may be said again: the same word about an item that it was carried out on changes nothing and is answered with Ok.
"""

from typing import Literal

from factory.protocol.mail import Mail


class Specified(Mail, frozen=True, tag="specified"):
    """Spec writer → queue (ask: Ok, Refused): the spec that a parked item waits for.

    Attributes:
        files: expected to be changed, locked for the attempt.
        by: who wrote it, for people: a model, a command, the issue itself.
        tokens: what that cost.
        since: the event that made it wait, as it was when this was begun. Waiting anew, it waits for another text; 0: whichever.
    """

    item: str
    title: str
    spec: str
    files: tuple[str, ...] = ()
    by: str = ""
    tokens: int = 0
    since: int = 0


class Questioned(Mail, frozen=True, tag="questioned"):
    """Spec writer → queue (ask: Ok, Refused): no spec can be written before these questions are answered."""

    item: str
    questions: tuple[str, ...]
    by: str = ""
    tokens: int = 0
    since: int = 0


class Reopened(Mail, frozen=True, tag="reopened"):
    """Intake → queue (ask: Ok, Refused): somebody who may say so answered, and the spec can be tried again."""

    item: str
    by: str


class Reworded(Mail, frozen=True, tag="reworded"):
    """Intake → queue (ask: Ok, Refused): the issue's text was changed after it was taken up; a person decides whether it still holds.

    Attributes:
        evidence: the difference.
    """

    item: str
    reason: str
    evidence: str


class Followed(Mail, frozen=True, tag="followed"):
    """Delivery → queue (ask: Ok, Refused): what became of the pull request of an item that is in review, reworked or given up.

    Attributes:
        epoch: that the item was at when the pull request was looked at.
        what: merged, closed: the item is over, and whoever works on it is ended. The others are for items in review: with rework one
            is queued again with `evidence` for the next attempt; hands_off: a person has to see to it.
        head: the commit that it is about.
    """

    item: str
    epoch: int
    what: Literal["merged", "closed", "rework", "hands_off"]
    reason: str
    evidence: str = ""
    head: str = ""


class SpecWanted(Mail, frozen=True, tag="spec_wanted"):
    """To the spec writer: an item may wait for its spec. A hint; the table has the truth."""


IssueWord = Specified | Questioned | Reopened | Reworded | Followed
"""What the queue carries out."""

"""An issue: how it is named, which item it becomes, what it says, and how urgent it is.

key          github:owner/repo#12                what people say
source id    owner/repo#12, owner/repo#12/2      run 1, run 2: a run is an item of its own
item id      made of source and source id, so that an issue which is seen again is the same item
"""

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from factory.domain.clean import visible
from factory.domain.ids import ItemId
from factory.domain.work_item import Priority

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LETTERS = 10
_BITS = 5

PriorityName = Literal["critical", "high", "medium", "low"]

PRIORITY_LABELS: Mapping[str, PriorityName] = MappingProxyType(
    {"critical": "critical", "P0": "critical", "high": "high", "P1": "high", "low": "low", "P3": "low"}
)
"""Label → priority, where nothing else is set. No label of the table: medium."""

MAX_BODY = 65_536
"""Characters of a body that are kept; GitHub takes no more either."""
MAX_TITLE = 1_024


def issue_id(repo: str, number: int) -> str:
    """`owner/repo#12`. GitHub's names have no case, so it is written as one."""
    return f"{repo.lower()}#{number}"


def issue_key(source: str, source_id: str) -> str:
    return f"{source}:{source_id}"


def run_id(source_id: str, run: int) -> str:
    """The source id of a run as its item has it."""
    return source_id if run == 1 else f"{source_id}/{run}"


def issue_item_id(source: str, source_id: str, run: int = 1) -> ItemId:
    """Fifty bits of a hash: the same issue and run give the same item in whichever process, however often it is seen."""
    named = json.dumps([source, run_id(source_id, run)]).encode()
    bits = int.from_bytes(hashlib.sha256(named).digest()[:8])
    return ItemId("".join(_ALPHABET[(bits >> (_BITS * place)) % len(_ALPHABET)] for place in range(_LETTERS)))


def priority_of(labels: Iterable[str], table: Mapping[str, str] = PRIORITY_LABELS) -> Priority:
    """The most urgent that a label names; case does not count."""
    by_label = {label.lower(): Priority[name.upper()] for label, name in table.items()}
    return min((by_label[label.lower()] for label in labels if label.lower() in by_label), default=Priority.MEDIUM)


@dataclass(frozen=True, slots=True)
class IssueText:
    """Title and body exactly as they were seen at one moment."""

    title: str
    body: str

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal digits: two texts are the same text only if theirs are."""
        return hashlib.sha256(json.dumps([self.title, self.body]).encode()).hexdigest()

    def lines(self) -> list[str]:
        return [self.title, "", *self.body.splitlines()]


def bounded(title: str, body: str) -> IssueText:
    """As much of it as is kept, without what no database stores."""
    return IssueText(title.replace("\0", "")[:MAX_TITLE], body.replace("\0", "")[:MAX_BODY])


def difference(before: IssueText, after: IssueText) -> str:
    """What an edit changed, as a unified diff in which nothing is hidden: what cannot be seen stands there as its escape."""
    old, new = ([visible(line) for line in each.lines()] for each in (before, after))
    return "\n".join(difflib.unified_diff(old, new, "as labelled", "as it is now", lineterm=""))

"""An issue: how it is named, which item it becomes, what it says, and how urgent it is.

key          github:owner/repo#12                what people say
source id    owner/repo#12, owner/repo#12/2      run 1, run 2: a run is an item of its own
item id      made of source and source id, so that an issue which is seen again is the same item
"""

import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from factory.domain.clean import visible
from factory.domain.ids import ItemId
from factory.domain.work_item import Priority

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LETTERS = 10
_BITS = 5
_MOST_COMPARED = 2_000
"""Lines that are compared each with each: texts can be made so that more of them take minutes."""
_MOST_GONE = 100
_BEFORE, _AFTER = "as labelled", "as it is now"
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

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


def needs_of(labels: Iterable[str], table: Mapping[str, str]) -> tuple[str, ...]:
    """The labels of hosts that these of an issue stand for; case does not count."""
    by_label = {label.lower(): needed for label, needed in table.items()}
    return tuple(sorted({by_label[label.lower()] for label in labels if label.lower() in by_label}))


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


def storable(text: str) -> str:
    """Without what no database stores, though JSON and names of files may hold it."""
    return _UNSTORABLE.sub("", text)


def bounded(title: str, body: str) -> IssueText:
    """As much of it as is kept and can be."""
    return IssueText(storable(title)[:MAX_TITLE], storable(body)[:MAX_BODY])


def difference(before: IssueText, after: IssueText) -> str:
    """What an edit changed, as a unified diff in which nothing is hidden: what cannot be seen stands there as its escape."""
    old, new = ([visible(line) for line in each.lines()] for each in (before, after))
    if len(old) + len(new) <= _MOST_COMPARED:
        return "\n".join(difflib.unified_diff(old, new, _BEFORE, _AFTER, lineterm=""))
    return "\n".join(_replaced(old, new))


def _replaced(old: list[str], new: list[str]) -> Iterator[str]:
    """What stands between the lines that both begin and end with, as one change."""
    first = _alike(old, new)
    last = _alike(old[first:][::-1], new[first:][::-1])
    gone, come = old[first : len(old) - last], new[first : len(new) - last]
    if not gone and not come:
        return
    yield from (f"--- {_BEFORE}", f"+++ {_AFTER}", f"@@ -{first + 1},{len(gone)} +{first + 1},{len(come)} @@")
    yield from (f"-{line}" for line in gone[:_MOST_GONE])
    if len(gone) > _MOST_GONE:
        yield f"[{len(gone) - _MOST_GONE:,} more lines are gone]"
    yield from (f"+{line}" for line in come)


def _alike(one: list[str], other: list[str]) -> int:
    """How many lines both begin with."""
    return next((number for number, (here, there) in enumerate(zip(one, other, strict=False)) if here != there), min(len(one), len(other)))

"""Commands that were sent and are not answered yet; what a person is told when they are. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from factory.domain.work_item import Priority
from factory.protocol.commands import AnyRequest, Reply, Steer
from tui.world import Seen


@dataclass(frozen=True, slots=True)
class Notice:
    """One sentence for the person, and whether it is bad news."""

    text: str
    bad: bool = False


@dataclass(slots=True)
class _Sent:
    purpose: str
    open: int
    done: int = 0
    reasons: list[str] = field(default_factory=list)


class Pending:
    """Commands by the plan that they belong to: many rows killed together are one notice."""

    def __init__(self) -> None:
        self._sent: dict[str, _Sent] = {}
        self._numbers = 0

    def sent(self, purpose: str, count: int) -> str:
        """Notes a plan's commands; gives the key that their answers come with."""
        self._numbers += 1
        key = f"{self._numbers}"
        self._sent[key] = _Sent(purpose, count)
        return key

    def answered(self, key: str, reply: Reply) -> Notice | None:
        """What to say once the last of a plan's commands is answered."""
        sent = self._sent.get(key)
        if sent is None:
            return None
        sent.open -= 1
        if reply.code == "ok":
            sent.done += 1
        else:
            sent.reasons.append(reply.reason or reply.code)
        if sent.open > 0:
            return None
        del self._sent[key]
        return _notice(sent)


@dataclass(slots=True)
class _Wish:
    command: str
    priority: int
    version: int | None = None
    """From which on the item's row shows it; None before the answer."""


class Wishes:
    """Priorities that were asked for and that the items' rows do not show yet: the next step goes on from there."""

    def __init__(self) -> None:
        self._wishes: dict[str, _Wish] = {}

    def sent(self, requests: Iterable[AnyRequest]) -> None:
        for request in requests:
            if isinstance(request, Steer) and request.verb == "prioritise":
                self._wishes[request.item] = _Wish(request.command, int(request.argument))

    def answered(self, request: AnyRequest, reply: Reply) -> None:
        """One that was refused, or whose end nobody knows, is forgotten: the row is right."""
        wish = self._wishes.get(request.item) if isinstance(request, Steer) else None
        if wish is None or not isinstance(request, Steer) or wish.command != request.command:
            return
        version = reply.data.get("version") if reply.code == "ok" else None
        if isinstance(version, int):
            wish.version = version
        else:
            del self._wishes[request.item]

    def priority(self, seen: Seen) -> int:
        """Of an item, as it will be once all that was sent is done."""
        item, version = str(seen.row.get("id")), int(seen.row.get("version") or 0)
        wish = self._wishes.get(item)
        if wish is not None and wish.version is not None and version >= wish.version:
            del self._wishes[item]
            wish = None
        return wish.priority if wish else int(seen.row.get("priority", Priority.MEDIUM))


def _notice(sent: _Sent) -> Notice:
    if not sent.reasons:
        return Notice(f"{sent.purpose}: done")
    if not sent.done:
        return Notice(f"{sent.purpose}: {sent.reasons[0]}", bad=True)
    return Notice(f"{sent.purpose}: {sent.done} done, {len(sent.reasons)} refused: {sent.reasons[0]}", bad=True)

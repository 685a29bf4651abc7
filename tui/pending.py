"""Commands that were sent and are not answered yet; what a person is told when they are. Pure."""

from dataclasses import dataclass, field

from factory.protocol.commands import Reply


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


def _notice(sent: _Sent) -> Notice:
    if not sent.reasons:
        return Notice(f"{sent.purpose}: done")
    if not sent.done:
        return Notice(f"{sent.purpose}: {sent.reasons[0]}", bad=True)
    return Notice(f"{sent.purpose}: {sent.done} done, {len(sent.reasons)} refused: {sent.reasons[0]}", bad=True)

"""How much log may leave: what the last PONG granted. The rest is dropped and told as a gap, never kept. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from factory.protocol.worker import Log

FIRST_CREDIT_BYTES = 256 * 1024
"""Before the first PONG has said how much: enough for what a start tells, little where every worker starts at once."""

Stream = Literal["agent", "worker", "gate"]


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes of a stream so far, those of the open gap included."""

    offset: int = 0
    gap: int = 0


@dataclass(frozen=True, slots=True)
class LogCredit:
    """`left` in bytes; each grant replaces it, so that idle time does not add up to a flood."""

    left: int = 0
    streams: Mapping[Stream, Written] = field(default_factory=dict)

    def admit(self, log: Log) -> tuple["LogCredit", Log | None]:
        """The piece as it may leave now with its offset and the gap before it, None where it is dropped."""
        written = self.streams.get(log.stream, Written())
        size = len(log.data)
        if size > self.left:
            return self._with(log.stream, Written(written.offset + size, written.gap + size), self.left), None
        sent = Log(log.stream, written.offset, log.data, written.gap)
        return self._with(log.stream, Written(written.offset + size), self.left - size), sent

    def lost(self, log: Log) -> "LogCredit":
        """The piece admitted last found no connection: it becomes part of the gap before the next one."""
        written = self.streams.get(log.stream, Written())
        gap = written.gap + len(log.data) + log.gap
        return self._with(log.stream, Written(written.offset, gap), self.left)

    def granted(self, credit: int) -> tuple["LogCredit", tuple[Log, ...]]:
        """New credit, and empty pieces that tell of the gaps that no later output has told of."""
        gaps = tuple(Log(stream, at.offset, b"", at.gap) for stream, at in self.streams.items() if at.gap)
        streams = {stream: Written(at.offset) for stream, at in self.streams.items()}
        return LogCredit(max(credit, 0), streams), gaps

    def shut(self) -> "LogCredit":
        """No session, no credit: what is written meanwhile is a gap."""
        return replace(self, left=0)

    def _with(self, stream: Stream, written: Written, left: int) -> "LogCredit":
        return replace(self, left=left, streams={**self.streams, stream: written})

"""What one worker of this machine has used of its way out, on the disk from the moment it is known."""

import logging
from dataclasses import dataclass
from pathlib import Path

import msgspec

from factory.domain.budget import Spend
from factory.egress_ports import Outlay
from factory.protocol.codec import BadMessage, Decoder, encode
from factory.protocol.host import HostOutlay

log = logging.getLogger(__name__)

_MOST_BLOCKED = 20
_decode: Decoder[HostOutlay] = Decoder(HostOutlay)


@dataclass(slots=True)
class Account:
    """`told`: the last of it. `refused_before`: calls that were refused by servers before the one that is asked now."""

    path: Path
    told: HostOutlay
    refused_before: int = 0

    @classmethod
    def load(cls, path: Path, worker: str) -> "Account":
        """What a process before this one counted; nothing where there was none."""
        try:
            told = _decode(path.read_bytes())
        except FileNotFoundError:
            told = HostOutlay("", worker, 0)
        except BadMessage as error:
            # The factory says what it knows of the attempt, so at most the last calls are lost.
            log.warning("the account %s cannot be read: %s", path.name, error)
            told = HostOutlay("", worker, 0)
        return cls(path, told, told.refused)

    @property
    def spent(self) -> Spend:
        return Spend(self.told.tokens, self.told.micros, self.told.calls)

    def note(self, outlay: Outlay) -> HostOutlay | None:
        """What is to be told of it, stored; None where it is nothing new."""
        spent = self.spent.at_least(outlay.spent)
        blocked = tuple(dict.fromkeys((*self.told.blocked, *outlay.blocked)))[:_MOST_BLOCKED]
        fresh = msgspec.structs.replace(
            self.told, tokens=spent.tokens, micros=spent.micros, calls=spent.calls, blocked=blocked, over=outlay.over,
            refused=self.refused_before + outlay.refused,
        )  # fmt: skip
        if fresh == self.told:
            return None
        self.told = msgspec.structs.replace(fresh, number=self.told.number + 1)
        self._store()
        return self.told

    def _store(self) -> None:
        draft = self.path.with_suffix(".new")
        draft.write_bytes(encode(self.told))
        draft.replace(self.path)

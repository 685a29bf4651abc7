"""What one worker of this machine has used of its way out, on the disk from the moment it is known.

`W.outlay` is the account, `W.lock` is held by the process that counts on it, or that removes both.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from factory.domain.budget import Spend
from factory.domain.egress import MOST_BLOCKED
from factory.egress_ports import Outlay
from factory.protocol.codec import BadMessage, Decoder, encode
from factory.protocol.host import HostOutlay

log = logging.getLogger(__name__)

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
        # Where it cannot be read the factory says what it knows of the attempt, so at most the last calls are lost.
        told = _last(path) or HostOutlay("", worker, 0)
        return cls(path, told, told.refused)

    @property
    def spent(self) -> Spend:
        return Spend(self.told.tokens, self.told.micros, self.told.calls)

    def note(self, outlay: Outlay) -> HostOutlay | None:
        """What is to be told of it, stored; None where it is nothing new."""
        spent = self.spent.at_least(outlay.spent)
        blocked = tuple(dict.fromkeys((*self.told.blocked, *outlay.blocked)))[:MOST_BLOCKED]
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


@contextmanager
def held(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Has the account for this process alone. Raises `BlockingIOError` where another one has it and this one does not `wait`."""
    while True:
        with path.with_suffix(".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it may have removed its file, and the next one locked another.
            if _is_at(lock.fileno(), path.with_suffix(".lock")):
                yield
                return


def forget(path: Path, number: int) -> HostOutlay | None:
    """Removes an account of which all up to `number` is kept elsewhere; one that says more stays, and is returned.

    Raises `BlockingIOError` where a process still counts on it.
    """
    with held(path, wait=False):
        told = _last(path)
        if told is not None and told.number > number:
            return told
        for kind in (".outlay", ".new", ".lock"):
            path.with_suffix(kind).unlink(missing_ok=True)
        return None


def _last(path: Path) -> HostOutlay | None:
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except BadMessage as error:
        log.warning("the account %s cannot be read: %s", path.name, error)
        return None


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False

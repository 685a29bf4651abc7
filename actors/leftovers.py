"""Leftovers: what publications leave on this machine when they are over, or when nobody was there to end them.

Imports beside the mirrors, workers that verify, bundles in the spool: whoever removes them may be killed at any time, and the next one
finds them again. A part of delivery, in whose turns it runs.
"""

import logging
from collections.abc import Container, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from actors import results_spool
from actors.background import Background
from actors.durable import Durably
from actors.publication import Pipeline
from actors.verification import Verifier
from factory.delivery_ports import Ended, Outbox
from factory.ports import Clock
from factory.protocol.mailbox import Lease

log = logging.getLogger(__name__)

SPOOL_SECONDS = 3_600.0
"""Between two looks for files in the spool that nobody will come for; they are a day old when they go."""


class Cleaning(NamedTuple):
    """Key of a background job: the leftovers of publications, by the names of their imports."""

    names: tuple[str, ...]


class Tidying(NamedTuple):
    """Key of the background job that removes what verifies for an earlier incarnation."""


class Leftovers:
    """For one actor, in its turns.

    Args:
        results: the spool.
        durably: the actor's own.

    Attributes:
        is_tidy: whether nothing verifies for an earlier incarnation any more.
    """

    def __init__(
        self,
        outbox: Outbox,
        verifier: Verifier,
        pipeline: Pipeline,
        background: Background,
        *,
        results: Path,
        clock: Clock,
        durably: Durably[Any],
    ) -> None:
        self._outbox, self._verifier, self._pipeline, self._results = outbox, verifier, pipeline, results
        self._background, self._clock, self._durably = background, clock, durably
        self._removing: dict[str, Ended] = {}
        self._again: dict[str, Ended] = {}
        self._spool_at = clock.monotonic()
        self._tidies = self.is_tidy = False

    def look(self, held: Container[Lease]) -> None:
        """Begins what is due. Not at the start of the actor: the store may be away then, and a start must not wait.

        Args:
            held: publications that are under way.
        """
        if not (self.is_tidy or self._tidies):
            self._tidy(held)
        if self._clock.monotonic() >= self._spool_at:
            self._sweep_spool()
        # What a person has approved meanwhile is wanted again.
        again, self._again = self._again, {}
        self.remove([one for one in again.values() if one.lease not in held])

    def sweep(self, held: Container[Lease]) -> None:
        """Removes what publications left that ended when nobody was there to do it."""
        ended = self._durably(self._outbox.ended)
        self.remove([one for one in ended if one.lease not in held])

    def remove(self, ended: Sequence[Ended]) -> None:
        named = {one.lease.worker: one for one in ended}
        if not named:
            return
        if self._background.submit(Cleaning(tuple(named)), partial(self._remove, ended)):
            # Meanwhile none of them is taken up again: an approval may bring one back.
            self._removing |= named
        else:
            self._again |= named

    def is_being_removed(self, name: str) -> bool:
        return name in self._removing

    def tidied(self, result: object) -> bool:
        """A background job has ended: whether nothing is left of an earlier incarnation."""
        self._tidies, self.is_tidy = False, not isinstance(result, Exception)
        if not self.is_tidy:
            log.warning("what an earlier process left verifying could not be removed, the next look tries again: %s", result)
        return self.is_tidy

    def removed(self, key: Cleaning, result: object) -> None:
        """Another one has. What a host that was away could not remove is tried again at the next look."""
        over = {name: one for name in key.names if (one := self._removing.pop(name, None))}
        if isinstance(result, Exception):
            self._again |= over
            log.warning("what %s left could not be removed, the next look tries again: %s", ", ".join(key.names), result)

    def _tidy(self, held: Container[Lease]) -> None:
        wanted = {row.name for row in self._durably(self._outbox.open)}
        self._tidies = self._background.submit(Tidying(), partial(self._verifier.remove_orphans, wanted))
        self.sweep(held)

    def _sweep_spool(self) -> None:
        """Removes files of the spool that are old and that nobody wants."""
        self._spool_at = self._clock.monotonic() + SPOOL_SECONDS
        old = results_spool.old_files(self._results, self._clock.now())
        leases = [lease for lease in old.values() if lease]
        wanted = self._durably(lambda: self._outbox.wanted(leases))
        files = [path for path, lease in old.items() if lease not in wanted]
        if files:
            log.info("%d files of results that nobody wants are removed", len(files))
            self._background.submit("spool", partial(results_spool.remove, files))

    def _remove(self, ended: Sequence[Ended]) -> None:
        # Also what an earlier incarnation left running for a later gate than this one came to.
        self._verifier.remove({one.lease.worker for one in ended})
        self._pipeline.clean(ended)

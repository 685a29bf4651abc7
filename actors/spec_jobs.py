"""Items whose specs are being written, as the spec writer keeps them in memory: nothing that the table would not give back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from factory.domain.spec_prompt import Surroundings
from factory.spec_ports import Waiting, Written


class JobKey(NamedTuple):
    """An item and one waiting of it: what was begun for an earlier waiting is for nobody."""

    item: str
    since: int


@dataclass(slots=True)
class Job:
    """An item that waits.

    Attributes:
        around: what is known of its repository, None before that was asked.
        tries: that came to nothing, for the distance to the next one.
        bad: answers that were none.
        complaint: about the last of these.
        told: the failure that the trail told of last.
        not_before: on the monotonic clock.
    """

    waiting: Waiting
    around: Surroundings | None = None
    tries: int = 0
    bad: int = 0
    complaint: str = ""
    told: str = ""
    not_before: float = 0.0

    @property
    def key(self) -> JobKey:
        return JobKey(self.waiting.item, self.waiting.since)

    def wrote(self, written: Written) -> None:
        """What is to be said to the queue from now on."""
        self.waiting = replace(self.waiting, written=written)


class Jobs:
    """All of them, in the order in which they are to be done."""

    def __init__(self) -> None:
        self._jobs: dict[JobKey, Job] = {}
        self._busy: set[JobKey] = set()

    @property
    def busy(self) -> int:
        """How many are being written, for those who wait no more as well."""
        return len(self._busy)

    def reconcile(self, waiting: Iterable[Waiting], now: float) -> None:
        """Brings them in line with the table."""
        rows = {JobKey(row.item, row.since): row for row in waiting}
        known = self._jobs
        fresh = {key: known.get(key) or Job(row, bad=row.bad, not_before=now) for key, row in rows.items()}
        # What is being written is wanted, or told that it is not, when it comes back.
        self._jobs = fresh | {key: known[key] for key in self._busy & known.keys()}

    def due(self, now: float) -> Sequence[Job]:
        """Those whose next step may be taken now."""
        return [job for key, job in self._jobs.items() if key not in self._busy and job.not_before <= now]

    def next_due(self, now: float, open_at: float) -> float | None:
        """When the next step is to be taken that is not due yet; None where none is. What is due now waits for a thread to be free.

        Args:
            open_at: before it nothing is begun.
        """
        times = [max(job.not_before, open_at) for key, job in self._jobs.items() if key not in self._busy]
        return min((time for time in times if time > now), default=None)

    def began(self, job: Job) -> None:
        self._busy.add(job.key)

    def came_back(self, key: JobKey) -> Job | None:
        """The item of a background job that has ended; None where it waits no more."""
        self._busy.discard(key)
        return self._jobs.get(key)

    def forget(self, job: Job) -> None:
        self._jobs.pop(job.key, None)

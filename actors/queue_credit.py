"""How many items the queue may claim: what its dispatcher grants, less what was claimed since the grant was computed."""

from collections.abc import Sequence
from itertools import count

from factory.protocol.lease_mail import Credit
from factory.protocol.mailbox import Work


class CreditLine:
    """One credit at a time, good for one incarnation of the queue.

    Args:
        boot: new for each start; the incarnations that dispatchers hear of are told from it.
    """

    def __init__(self, boot: str) -> None:
        self._boots = (f"{boot}.{number}" for number in count(1))
        self._credit = Credit("", 0, 0)
        self._looked_empty = False
        self.anew()

    def anew(self) -> None:
        """Begins another incarnation: every credit that was computed before is void."""
        self.boot, self.made = next(self._boots), 0
        self.stir()

    def grant(self, credit: Credit) -> None:
        # What was left alone for its labels may be had now.
        self._looked_empty = self._looked_empty and credit.labels == self._credit.labels
        self._credit = credit

    def stir(self) -> None:
        """Something changed: there may be an item to claim, although none was left at the last look."""
        self._looked_empty = False

    @property
    def labels(self) -> Sequence[Sequence[str]]:
        return self._credit.labels

    @property
    def free(self) -> int:
        """How many to look for now."""
        if self._looked_empty or self._credit.boot != self.boot:
            return 0
        return max(self._credit.free - (self.made - self._credit.seen), 0)

    def looked(self, found: int, wanted: int) -> None:
        self._looked_empty = found < wanted

    def used(self, work: Sequence[Work]) -> None:
        """The claims are durable."""
        self.made += len(work)

"""What earlier tasks learnt, as a worker's actor gets it from the learner: asked for once, waited for a little, never needed."""

from factory.domain.learning import RECALLED, question
from factory.ports import Mailbox
from factory.protocol.learner_mail import Recall, Recalled
from factory.protocol.mailbox import Work


class Recollection:
    """Settled with the first assignment: an assignment that is sent again must say the same."""

    def __init__(self, mailbox: Mailbox, work: Work) -> None:
        self._mailbox, self._work = mailbox, work
        self._learnings: tuple[str, ...] | None = None
        self._asked = False
        self._wanted = False

    def ask(self) -> None:
        """Asks while the repository is made ready, so that nobody waits for the answer. A learner that is away is asked again later."""
        work = self._work
        recall = Recall(work.lease, work.repo, question(work.title, work.spec), RECALLED)
        self._asked = self._asked or self._mailbox.tell("learner", recall)

    def answered(self, mail: Recalled) -> bool:
        """Takes the answer; True where an assignment waited for it."""
        if self._learnings is None:
            self._learnings = mail.learnings
            return self._wanted
        return False

    def settled(self, *, patient: bool) -> tuple[str, ...] | None:
        """What the assignment is to say. None: wait for the answer, and ask here once more when the assignment is due again.

        The second time, two heartbeats later, there are no learnings rather than no work.

        Args:
            patient: whether the assignment will be due again by itself.
        """
        self.ask()
        if self._learnings is None and (self._wanted or not self._asked or not patient):
            self._learnings = ()
        self._wanted = True
        return self._learnings

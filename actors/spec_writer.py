"""The spec writer: finds items that wait for their spec, has one written for each, and tells the queue.

The table is the truth: who waits stands there, and what was written is kept there before the queue hears of it. So whatever this
process forgets when it ends is done again, and what a model was paid for is not.
"""

import logging
import random
from functools import partial

from actors.background import Background
from actors.durable import DurableActor
from actors.spec_jobs import Job, JobKey, Jobs
from factory.domain.backoff import BackoffPolicy
from factory.domain.learning import RECALLED
from factory.domain.spec_draft import BY_NOBODY, own_spec, plain
from factory.domain.spec_prompt import Surroundings
from factory.ports import Clock, Mailbox
from factory.protocol.issue_mail import Questioned, Specified, SpecWanted
from factory.protocol.learner_mail import Found, Search
from factory.protocol.mailbox import Ok, Refused, Unavailable
from factory.protocol.spec_mail import NOT_YET, ShownRepository, ShowRepository
from factory.spec_ports import BadSpec, Cost, SpecOrder, SpecStore, SpecUnavailable, SpecWriter, Written
from factory.transport.loop import Source

log = logging.getLogger(__name__)

THREADS = 2
"""Specs that are written at once: models limit requests, and a spec takes about a minute of waiting."""
LOOK_SECONDS = 5.0
"""Between two looks where no message says that there is something."""
POLL_SECONDS = 0.5
"""Between two questions to delivery while it reads a repository."""
ASK_SECONDS = 5.0
MOST_ITEMS = 50
"""Looked at together; those behind them come when these have their spec."""
MOST_TRIES = 3
"""Answers that were none, after which the item gets a plain spec."""
MOST_ROUNDS = 2
"""Of questions; after them whoever writes has to decide."""
_FREE = Cost()
BY_ISSUE = "the issue's own task boxes"


class SpecWriterActor(DurableActor):
    """The actor.

    Args:
        backoff: between two tries where whatever writes is away, and for an item whose spec was none.
    """

    def __init__(
        self,
        *,
        mailbox: Mailbox,
        clock: Clock,
        store: SpecStore,
        writer: SpecWriter,
        background: Background,
        dice: random.Random,
        backoff: BackoffPolicy = BackoffPolicy(base=2.0, cap=300.0),
    ) -> None:
        super().__init__(mailbox=mailbox, clock=clock)
        self._store, self._writer, self._background = store, writer, background
        self._dice, self._backoff = dice, backoff
        self._jobs = Jobs()
        self._asked: set[ShowRepository] = set()
        self._look_at = clock.monotonic()
        self._open_at, self._failures = clock.monotonic(), 0
        self.tick_every = POLL_SECONDS

    def sources(self) -> list[Source]:
        return [self._background]

    def on_stop(self) -> None:
        self._background.close()

    def on_mail(self, mail: object) -> None:
        if isinstance(mail, SpecWanted):
            self._look_at = self.clock.monotonic()
            self._work()

    def on_tick(self) -> None:
        self._work()

    def on_ready(self, source: Source) -> None:  # noqa: ARG002 - there is one
        for key, result in self._background.drain():
            job = self._jobs.came_back(key) if isinstance(key, JobKey) else None
            if job is not None:
                self._came_back(job, result)
        self._work()

    # -- what there is to do ------------------------------------------------------------------------------------------

    def _work(self) -> None:
        now = self.clock.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._jobs.reconcile(self.durably(partial(self._store.waiting, MOST_ITEMS)), now)
        self._asked.clear()
        for job in self._jobs.due(now):
            if not self._advance(job):
                break
        following = self._jobs.next_due(now, self._open_at)
        self.tick_every = LOOK_SECONDS if following is None else min(max(following - now, POLL_SECONDS), LOOK_SECONDS)

    def _advance(self, job: Job) -> bool:
        """The next step of an item, as far as it goes without waiting; False where others would only wait for the same actor."""
        if job.waiting.written is not None:
            return self._tell(job, job.waiting.written)
        if (own := own_spec(job.waiting.issue)) is not None:
            return self._tell(job, Written(own, BY_ISSUE))
        if job.bad >= MOST_TRIES:
            because = f"what was written was no spec {job.bad} times. {job.complaint}".rstrip(". ")
            return self._keep(job, Written(plain(job.waiting.issue, because), BY_NOBODY))
        if self.clock.monotonic() >= self._open_at and self._jobs.busy < THREADS and self._is_ready(job):
            self._begin(job)
        return True

    def _begin(self, job: Job) -> None:
        waiting = job.waiting
        must_decide = waiting.issue.rounds >= MOST_ROUNDS
        order = SpecOrder(
            waiting.item, waiting.repo, waiting.base_branch, waiting.issue, job.around or Surroundings(), self._learnings(job),
            must_decide, job.complaint,
        )  # fmt: skip
        if self._background.submit(job.key, partial(self._writer.write, order)):
            self._jobs.began(job)

    def _is_ready(self, job: Job) -> bool:
        """Whether what is to be known of the repository is known, or nobody will get to know it."""
        if job.around is not None or not self._writer.reads_repository:
            return True
        asked = ShowRepository(job.waiting.repo, job.waiting.base_branch)
        if asked in self._asked:
            return False
        self._asked.add(asked)
        answer = self.answer_of("delivery", asked, ASK_SECONDS)
        match answer:
            case ShownRepository():
                # The next item of the same repository is told the same.
                self._asked.discard(asked)
                job.around = Surroundings(answer.commit, answer.files, answer.documents, answer.commits)
            case Refused(reason):
                # The same will be said to the item's worker, in a way that ends the item. Here it is no reason to wait.
                job.around = Surroundings(missing=reason)
            case Unavailable(reason) if reason == NOT_YET:
                job.not_before = self.clock.monotonic() + POLL_SECONDS
            case Unavailable(reason):
                self._later(job, f"The repository cannot be read now: {reason}")
            case _:
                self._open_at = self.clock.monotonic() + LOOK_SECONDS
        return job.around is not None

    def _learnings(self, job: Job) -> tuple[str, ...]:
        """What earlier tasks learnt. It helps, and is not waited for."""
        if not self._writer.reads_repository:
            return ()
        issue = job.waiting.issue
        question = f"{issue.title}\n{issue.body}"[:2_000]
        found = self.answer_of("learner", Search(job.waiting.repo, question, RECALLED), ASK_SECONDS)
        return tuple(one.content for one in found.learnings) if isinstance(found, Found) else ()

    # -- what came of it ----------------------------------------------------------------------------------------------

    def _came_back(self, job: Job, result: object) -> None:
        match result:
            case Written():
                self._failures = 0
                self._keep(job, result)
            case BadSpec():
                self._failures = 0
                self._answered_badly(job, result)
            case SpecUnavailable(everyone=False):
                self._later(job, str(result), result.retry_after)
            case SpecUnavailable():
                self._closed(job, result)
            case OSError():
                self._later(job, str(result))
            case Exception():
                raise result

    def _keep(self, job: Job, written: Written) -> bool:
        if self.durably(lambda: self._store.keep(job.waiting, written)):
            return self._tell(job, written)
        log.info("%s waits no more for the spec that was written for it", job.waiting.item)
        self._jobs.forget(job)
        self._look_at = self.clock.monotonic()
        return True

    def _answered_badly(self, job: Job, error: BadSpec) -> None:
        job.bad += 1
        job.complaint = str(error)
        self._later(job, str(error), cost=error.cost, answered=True)

    def _closed(self, job: Job, error: SpecUnavailable) -> None:
        """Whatever writes is away, or allows nothing for a while: nobody's spec is tried before that is over."""
        delay = max(error.retry_after, self._backoff.delay(self._failures, self._dice.random()))
        self._failures += 1
        self._open_at = self.clock.monotonic() + delay
        self._later(job, str(error), delay)

    def _later(self, job: Job, sentence: str, at_least: float = 0.0, cost: Cost = _FREE, *, answered: bool = False) -> None:
        delay = max(at_least, self._backoff.delay(job.tries, self._dice.random()))
        job.tries += 1
        job.not_before = self.clock.monotonic() + delay
        log.warning("%s has no spec yet, the next try is in %.1f s: %s", job.waiting.item, delay, sentence)
        # An outage is told once; answers are counted.
        if answered or sentence != job.told:
            job.told = sentence
            self.durably(lambda: self._store.failed(job.waiting, sentence, cost, answered=answered))

    def _tell(self, job: Job, written: Written) -> bool:
        """Hands it to the queue; False where the queue does not answer."""
        done, item = written.finished, job.waiting.item
        tokens, since = written.cost.tokens, job.waiting.since
        word = (
            Questioned(item, done.questions, written.by, tokens, since)
            if done.questions and not done.spec
            else Specified(item, done.title, done.spec, done.files, written.by, tokens, since)
        )
        job.wrote(written)
        match self.answer_of("queue", word, ASK_SECONDS):
            case Ok():
                log.info("%s has %s, by %s", item, "its spec" if done.spec else "open questions", written.by)
                self._jobs.forget(job)
            case Refused(reason):
                # It went another way meanwhile: the next look tells. Where it did not, it is said again at some distance.
                log.warning("the queue does not take the spec of %s: %s", item, reason)
                job.not_before = self.clock.monotonic() + 2 * LOOK_SECONDS
            case _:
                job.not_before = self.clock.monotonic() + LOOK_SECONDS
                return False
        return True

"""Delivery: keeps mirrors, and takes every accepted result to its one pull request, or to the sentence that says why not.

The outbox is the truth: whatever this process holds in memory can be lost at any line, and a result starts from its row
again. Git and hosts are waited for in the background, so that the actor goes on answering.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from actors.background import Background
from actors.durable import DurableActor
from actors.following import Following, FollowSettings, Looking, Merging
from actors.leftovers import Cleaning, Leftovers, Tidying
from actors.preparation import Preparation, Refreshed, Target
from actors.publication import Pipeline, Rejection, Run, Stepped
from actors.repository_view import Answer as Overview
from actors.repository_view import RepositoryView, Surveying
from actors.result_view import Answer, ResultView, Showing
from actors.verification import Verifier, name_of, time_limit
from actors.way_out import VerificationWays, WayOutTerms
from factory.delivery_ports import Ended, FollowStore, LockReader, MirrorNotes, Outbox, PullRequestReader
from factory.domain.backoff import BackoffPolicy
from factory.domain.delivery import Rules, Step, StepEnd, next_step
from factory.domain.gates import Gate
from factory.domain.ids import WorkerId, worker_actor
from factory.errors import ActorUnavailable, Refused, Retryable, Unauthorized
from factory.holds import reached
from factory.ports import Clock, Mailbox
from factory.protocol.delivery_mail import OutboxReady, Prepare
from factory.protocol.follow_mail import LookAt
from factory.protocol.mailbox import Lease, Ok, Stale
from factory.protocol.result_mail import ShowResult
from factory.protocol.spec_mail import ShowRepository
from factory.pull_request_ports import PullRequests
from factory.repository_ports import Repositories
from factory.result_ports import ResultReader
from factory.spec_ports import RepositoryReader
from factory.transport.loop import Source
from factory.worker_ports import Observed, WorkerHost

log = logging.getLogger(__name__)

THREADS = 4
"""Of the background: fetches and pushes wait for the network, and two cores have nothing of more of them."""
ASK_SECONDS = 5.0
"""The queue answers within a round, some milliseconds; after this the word is repeated later."""
LOOK_SECONDS = 2.0
"""Between two looks into the outbox where no message says that there is something: the safety net."""
POLL_SECONDS = 0.1
"""Between two looks at a worker that verifies; the gates of a small repository take about a second."""
MAX_BUSY = 16
"""Publications in the background at once, so that those who wait for a mirror find room there."""


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """What the operator may set.

    Attributes:
        gates: for repositories without any of their own.
        verifications: workers that verify at the same time.
        backoff: between two tries of a step that could not be done; no result is ever given up for that.
        unauthorized: tries of a result after which a person is asked about a credential that is not accepted.
    """

    gates: tuple[Gate, ...] = ()
    rules: Rules = Rules()  # noqa: RUF009 - frozen
    verifications: int = 2
    backoff: BackoffPolicy = BackoffPolicy(base=1.0, cap=300.0)
    unauthorized: int = 10
    follow: FollowSettings = FollowSettings()  # noqa: RUF009 - frozen


class Delivery(DurableActor):
    """The actor. Each publication is a `Run` that goes through the steps of `factory.domain.delivery`."""

    def __init__(
        self,
        *,
        mailbox: Mailbox,
        clock: Clock,
        repositories: Repositories,
        pulls: PullRequests,
        host: WorkerHost,
        outbox: Outbox,
        locks: LockReader,
        mirrors: MirrorNotes,
        background: Background,
        settings: DeliverySettings,
        results: Path,
        dice: random.Random,
        reader: ResultReader | None = None,
        overviews: RepositoryReader | None = None,
        forge: tuple[PullRequestReader, FollowStore] | None = None,
        way_out: WayOutTerms | None = None,
    ) -> None:
        super().__init__(mailbox=mailbox, clock=clock)
        self._outbox, self._locks, self._mirrors = outbox, locks, mirrors
        self._background, self._settings = background, settings
        self._pipeline = Pipeline(repositories, pulls, settings.rules, settings.gates)
        self._preparation = Preparation(repositories, self._pipeline)
        self._verifier, self._ways = Verifier(host, way_out), VerificationWays(mailbox, way_out)
        self._view = ResultView(reader, background, clock) if reader else None
        self._overview = RepositoryView(overviews, background, clock) if overviews else None
        self._following = Following(*forge, background, mailbox, settings=settings.follow, durably=self.durably) if forge else None
        self._runs: dict[Lease, Run] = {}
        self._busy: set[Lease] = set()
        self._leftovers = Leftovers(outbox, self._verifier, self._pipeline, background, results=results, clock=clock, durably=self.durably)
        self._look_at = clock.monotonic()
        self._dice = dice
        self._pace()

    def sources(self) -> list[Source]:
        return [self._background]

    def on_stop(self) -> None:
        self._background.close()

    def on_mail(self, mail: object) -> Answer | Overview | None:
        match mail:
            case ShowRepository() if self._overview:
                return self._overview.answer(mail)
            case ShowResult() if self._view:
                return self._view.answer(mail)
            case Prepare(lease, repo, base_branch):
                rework = self._following.rework_of(lease.item) if self._following else None
                self._preparation.wait(Target(repo, base_branch, rework), lease, self._refresh)
            case LookAt() if self._following:
                self._following.hint(mail)
            case OutboxReady():
                self._look()
        self._pace()
        return None

    def on_tick(self) -> None:
        self._poll_verifications()
        if self.clock.monotonic() >= self._look_at:
            self._look()
        self._pace()

    def on_ready(self, source: Source) -> None:  # noqa: ARG002 - there is one
        for key, result in self._background.drain():
            match key:
                case Target():
                    self._refreshed(key, result)
                case Cleaning():
                    self._leftovers.removed(key, result)
                case Tidying():
                    if self._leftovers.tidied(result):
                        self._look()
                case Showing() if self._view:
                    self._view.read(key, result)
                case Surveying() if self._overview:
                    self._overview.read(key, result)
                case Looking() | Merging() if self._following:
                    self._following.came_back(key, result)
                case Lease():
                    self._busy.discard(key)
                    self._came_back(key, result)
                case _ if isinstance(result, Exception):
                    log.warning("%s: %s", key, result)
        self._pace()

    # -- mirrors ------------------------------------------------------------------------------------------------------

    def _refresh(self, target: Target) -> bool:
        return self._background.submit(target, partial(self._preparation.refresh, target))

    def _refreshed(self, target: Target, result: Refreshed | Exception) -> None:
        try:
            if isinstance(result, Exception):
                log.warning("%s", result)
                self._mirrors.failed(target.repo, str(result))
            else:
                self._mirrors.refreshed(target.repo, result.source)
        except Retryable as error:
            log.warning("the state of a mirror could not be noted: %s", error)  # it is for people to see, no more
        for answer in self._preparation.answers(target, result):
            self.mailbox.tell(worker_actor(WorkerId(answer.lease.worker)), answer)

    # -- publications -------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Brings the runs in line with the rows and goes on with those whose time it is."""
        self._leftovers.look(self._runs)
        self._look_at = self.clock.monotonic() + LOOK_SECONDS
        if self._following:
            self._following.look()
        rows = {row.lease: row for row in self.durably(self._outbox.open)}
        # Not among those that were read may also mean that there are more than are read at once.
        missing = [lease for lease in self._runs if lease not in rows and lease not in self._busy]
        gone = [lease for lease in missing if not self._is_wanted(lease)]
        for lease in gone:
            del self._runs[lease]
            self._leftovers.remove([Ended(lease, "")])
        if gone:
            self._leftovers.sweep(self._runs)
        for lease, row in rows.items():
            if lease not in self._busy and not self._leftovers.is_being_removed(row.name):
                self._runs[lease] = replace(self._runs.get(lease) or Run(row), row=row)
                self._advance(lease)

    def _is_wanted(self, lease: Lease) -> bool:
        return self.durably(lambda: self._outbox.is_open(lease))

    def _advance(self, lease: Lease) -> None:
        """Begins the step that the run is at, if it is time and there is room."""
        run = self._runs[lease]
        if not run.row.due or run.verify_until is not None:
            return
        match run.step:
            case Step.IMPORT:
                self._begin(run, partial(self._pipeline.take_in, run))
            case Step.CHECK:
                locked = self.durably(lambda: self._locks.held_by_others(run.row.repo, run.row.item))
                self._begin(run, partial(self._pipeline.check, run, locked))
            case Step.VERIFY:
                self._verify(run)
            case Step.PUSH:
                self._begin_if_wanted(run, partial(self._pipeline.push, run))
            case Step.OPEN:
                self._begin_if_wanted(run, partial(self._pipeline.open, run))
            case Step.RECORD | Step.REJECT:
                self._tell_queue(run)
            case Step.OVER:
                self._over(run)

    def _begin(self, run: Run, job: Callable[[], Stepped | Observed]) -> None:
        # Without room nothing is lost: the next look begins it.
        if len(self._busy) < MAX_BUSY and self._background.submit(run.row.lease, job):
            self._busy.add(run.row.lease)

    def _begin_if_wanted(self, run: Run, job: Callable[[], Stepped]) -> None:
        # What others can see is made only for an item that is still being published, not for one cancelled meanwhile.
        if self._is_wanted(run.row.lease):
            self._begin(run, job)

    def _came_back(self, lease: Lease, result: Stepped | Observed | Exception) -> None:
        run = self._runs[lease]
        match result:
            case Observed():
                until = self.clock.monotonic() + time_limit(run.gate)
                self._runs[lease] = replace(run, verify_until=until)
            case (Run() as stepped, StepEnd() as end):
                self._stepped(stepped, end)
            case Unauthorized() if run.row.tries + 1 >= self._settings.unauthorized:
                self._stepped(*run.refused(Rejection("policy", str(result))))
            case Retryable():
                self._again(replace(run, verify_until=None), str(result), result.retry_after)
            case OSError():
                self._again(replace(run, verify_until=None), str(result))
            case Refused():
                self._stepped(*run.refused(Rejection("policy", str(result))))
            case Exception():
                raise result

    def _stepped(self, run: Run, end: StepEnd) -> None:
        if end is StepEnd.AGAIN:
            self._again(run, "The worker that ran the gates ended without a report.")
            return
        lease = run.row.lease
        log.info("%s %s %s", run.row.name, run.step, end)
        self._runs[lease] = replace(run, step=next_step(run.step, end))
        self._advance(lease)

    def _again(self, run: Run, sentence: str, at_least: float = 0.0) -> None:
        row = run.row
        delay = at_least + self._settings.backoff.delay(row.tries, self._dice.random())
        log.warning("%s %s is tried again in %.1f s: %s", row.name, run.step, delay, sentence)
        self.durably(lambda: self._outbox.note_error(row.lease, sentence, delay))
        self._runs[row.lease] = replace(run, row=replace(row, due=False), step=next_step(run.step, StepEnd.AGAIN))

    def _tell_queue(self, run: Run) -> None:
        try:
            answer = self.mailbox.ask("queue", run.word(), ASK_SECONDS)
        except ActorUnavailable as error:
            self._again(run, str(error))
            return
        match answer:
            case Ok():
                if run.step is Step.RECORD:
                    reached("recorded")
                self._stepped(run, StepEnd.PASSED)
            case Stale():
                self._stepped(run, StepEnd.STALE)
            case _:
                self._again(run, f"The queue answered {answer!r}.")

    def _over(self, run: Run) -> None:
        del self._runs[run.row.lease]
        # A result that a person may still say yes to is taken from its bundle again then.
        keeps_bundle = run.rejection is not None and run.rejection.failure == "policy"
        self._leftovers.remove([Ended(run.row.lease, "" if keeps_bundle else run.row.result.bundle)])

    # -- verification -------------------------------------------------------------------------------------------------

    def _verify(self, run: Run) -> None:
        if not run.gates:
            self._stepped(run, StepEnd.PASSED)
        elif objection := self._verifier.objection(run):
            self._stepped(*run.refused(Rejection("policy", objection)))
        # What is begun while orphans are being removed is none of those that were wanted before, and would be taken for one.
        elif self._leftovers.is_tidy and self._verifications() < self._settings.verifications:
            self._begin(run, partial(self._verifier.begin, run))
            self._vouch()

    def _vouch(self) -> None:
        verified = [run for run in self._runs.values() if run.step is Step.VERIFY and self._is_under_way(run)]
        self._ways.vouch({name_of(run): run.row.lease for run in verified}, self.clock.monotonic())

    def _verifications(self) -> int:
        return sum(run.step is Step.VERIFY and self._is_under_way(run) for run in self._runs.values())

    def _is_under_way(self, run: Run) -> bool:
        return run.verify_until is not None or run.row.lease in self._busy

    def _poll_verifications(self) -> None:
        now = self.clock.monotonic()
        for lease, run in list(self._runs.items()):
            waits = run.verify_until is not None and lease not in self._busy
            if waits and self._verifier.is_over(run, now):
                self._begin(run, partial(self._verifier.finish, run))
        self._vouch()

    def _pace(self) -> None:
        verifies = any(run.verify_until is not None for run in self._runs.values())
        # Until nothing is left of an earlier incarnation, what it was at waits for this one; the first tick looks at once.
        self.tick_every = POLL_SECONDS if verifies or not self._leftovers.is_tidy else LOOK_SECONDS

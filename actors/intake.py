"""Intake: issues become items, and show what becomes of them.

The table of issues is the truth: a look writes down what it saw, and each turn brings whatever is not yet in line one step further.
Who is killed between two steps finds the same issue in the same place, and every step may be repeated.
"""

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from actors.background import Background
from actors.durable import DurableActor
from actors.forge_holds import ForgeHolds
from actors.inbox import InboxDesk
from actors.issue_claims import AGAIN_SECONDS, Claims, Exchange
from actors.issue_looks import Looking, Looks, LookTerms, distance
from actors.issue_words import word_for
from factory.domain.backoff import BackoffPolicy
from factory.domain.inbox_file import Defaults
from factory.domain.issue import PRIORITY_LABELS
from factory.domain.issue_claim import claim, claim_kind, is_claim
from factory.domain.issue_intake import Rules, Word, finished, follow, heard, must_look_back, owed, settled, unasked, was_ended
from factory.domain.issue_known import Known, Seen, State
from factory.domain.issue_signs import Relabel, Say, marker, next_sign
from factory.domain.issue_trust import Evidence, Happening, must_ask_for_edits, who_matters
from factory.errors import ActorUnavailable
from factory.holds import reached
from factory.issue_ports import Inbox, IssueSource, IssueStore, Pending
from factory.ports import Clock, Mailbox
from factory.protocol.commands import Reply
from factory.protocol.follow_mail import LookAt
from factory.protocol.intake_mail import IssuesChanged
from factory.protocol.issue_mail import SpecWanted
from factory.protocol.mailbox import Ok
from factory.protocol.mailbox import Refused as RefusedWord
from factory.transport.loop import Source
from factory.webhook_ports import Webhooks

log = logging.getLogger(__name__)

THREADS = 2
"""Of the background: the inbox waits in one of them, and the forge wants one call after another."""
ASK_SECONDS = 5.0
"""The queue answers within a round, some milliseconds; after this the word is repeated later."""
TURN_SECONDS = 1.0
"""Between two looks at what is stored."""
STEPS_A_TURN = 64
"""Issues that are brought further in one turn; the rest comes in the next one."""
MOST_STEPS, FEW_STEPS = 32, 8
"""Steps in the background at the most, and how few there have to be left before it is looked for more: each look reads as many issues."""
UNWATCHED_SECONDS = 3_600.0
"""Between two looks at an issue of a forge that the operator has no way to any more."""
HINTS = frozenset({"issues", "issue_comment"})
"""Webhooks that are about issues; the others are for those who follow pull requests."""


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """What the operator set.

    Attributes:
        repos: `owner/name` of those that are watched.
        web: where they are cloned from.
        poll_interval: seconds between two looks at one of them.
        priorities: label → priority.
        engine: that works on issues which name none.
        needs: label → label that hosts must have.
        spec_writer: address of the actor that waits for items without a spec.
        instance: of this factory; others may watch the same repositories.
    """

    repos: tuple[str, ...] = ()
    web: str = "https://github.com"
    rules: Rules = Rules()  # noqa: RUF009 - frozen
    poll_interval: float = 60.0
    priorities: Mapping[str, str] = field(default_factory=lambda: dict(PRIORITY_LABELS))
    engine: str = "claude"
    needs: Mapping[str, str] = field(default_factory=dict)
    spec_writer: str = "spec_writer"
    instance: str = ""
    backoff: BackoffPolicy = BackoffPolicy(base=2.0, cap=300.0)


class Stepping(NamedTuple):
    """Key of a background job: a step of an issue."""

    key: str


Outcome = Callable[[Pending], Known]
"""What a step that was done makes of the issue as it is stored by then."""


class Intake(DurableActor):
    """The actor. `source` is None where no repository is watched, `inbox` where there is none."""

    def __init__(
        self, *, mailbox: Mailbox, clock: Clock, store: IssueStore, source: IssueSource | None, inbox: Inbox | None,
        background: Background, settings: IntakeSettings, dice: random.Random, hints: Webhooks | None = None,
    ) -> None:  # fmt: skip
        super().__init__(mailbox=mailbox, clock=clock)
        self._store, self._source, self._background, self._settings, self._dice = store, source, background, settings, dice
        self._rules, self._hints = settings.rules, hints
        self._claims = Claims(self._rules.names.asks, settings.instance, clock)
        self._holds = ForgeHolds(clock, settings.backoff)
        terms = LookTerms(settings.repos, settings.rules.names.asks, settings.poll_interval, settings.backoff)
        self._looks = Looks(terms, source, store, background, self._holds, clock=clock, dice=dice, durably=self.durably) if source else None
        self._busy: set[str] = set()
        self._desk = InboxDesk(inbox, store, background, Defaults(settings.repos, settings.web, settings.engine)) if inbox else None
        self.tick_every = TURN_SECONDS

    def sources(self) -> list[Source]:
        return [self._background]

    def on_stop(self) -> None:
        self._background.close()

    def on_mail(self, mail: object) -> None:
        match mail:
            case IssuesChanged(repo):
                self._look_now({repo.lower()} if repo else {name.lower() for name in self._settings.repos})
                self._look()

    def on_tick(self) -> None:
        self._heed_hints()
        self._look()
        self._go_on()
        if self._desk:
            self._desk.look()

    def on_ready(self, source: Source) -> None:  # noqa: ARG002 - there is one
        for key, result in self._background.drain():
            match key:
                case Looking(repo) if self._looks:
                    self._looks.came_back(repo, result)
                case Stepping():
                    self._busy.discard(key.key)
                    self._stepped(key.key, result)
                case _ if self._desk:
                    self._desk.came_back(result, self.durably)
        self._look()
        self._go_on()

    def _look(self) -> None:
        if self._looks:
            self._looks.begin()

    def _look_now(self, repos: AbstractSet[str]) -> None:
        if self._looks:
            self._looks.hinted(repos)

    # -- hints ----------------------------------------------------------------------------------------------------------

    def _heed_hints(self) -> None:
        """What webhooks told of is looked at now. They are late, lost and out of order: never more than a reason to look."""
        if self._hints is None:
            return
        told = self.durably(self._hints.open)
        if told:
            self._look_now({hint.repo.lower() for _, hint in told if hint.event in HINTS})
            for _, hint in told:
                if hint.event not in HINTS and hint.number is not None:
                    self.mailbox.tell("delivery", LookAt(hint.repo, hint.number))
            handled, hints = [delivery for delivery, _ in told], self._hints
            self.durably(lambda: hints.handled(handled))

    # -- steps --------------------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        if len(self._busy) > FEW_STEPS:
            return
        for pending in self.durably(lambda: self._store.pending(STEPS_A_TURN)):
            # Room is looked for first: a comment that is noted as begun, and then finds none, has to be looked for on the forge.
            if len(self._busy) >= MOST_STEPS or (pending.known.key not in self._busy and not self._step(pending)):
                return

    def _step(self, pending: Pending) -> bool:
        """One step of one issue; False where none can be taken now, of whichever issue."""
        item, names = pending.item, self._rules.names
        if pending.known.number and self._source is None:
            self._put_off(pending.known, UNWATCHED_SECONDS, "no repository is watched any more: name one in `repos`")
            return True
        known = settled(pending.known, item, names)
        if must_look_back(known, item, names):
            self._save(pending.known, known)
            return self._waits(known) or self._begin(known, partial(self._look_back, known, item.pull if item else 0))
        known = unasked(known)
        word = owed(known, item)
        self._save(pending.known, known)
        if word:
            return self._say(known, word)
        sign = next_sign(known, item, names)
        if sign:
            return self._waits(known) or self._begin(known, self._job_of(known, sign))
        self._save(known, finished(known, item))
        self.durably(lambda: self._store.done(Pending(known, item)))
        return True

    def _save(self, before: Known, after: Known) -> None:
        if after != before:
            self.durably(lambda: self._store.save(after))

    def _waits(self, known: Known) -> bool:
        """Whether the forge is to be left alone for now; then the issue is put off for as long."""
        seconds = self._holds.left(known.repo)
        if seconds:
            self.durably(lambda: self._store.later(known.key, seconds, f"GitHub is left alone for another {seconds:.0f} s"))
        return seconds > 0

    def _begin(self, known: Known, job: Callable[[], Outcome]) -> bool:
        if not self._background.submit(Stepping(known.key), job):
            return False
        self._busy.add(known.key)
        return True

    def _stepped(self, key: str, result: Outcome | Exception) -> None:
        pending = self.durably(lambda: self._store.one(key))
        if pending is None:
            raise RuntimeError(f"{key} was stored, and is not there any more")
        if isinstance(result, Exception):
            self._holds.failed(pending.known.repo, result, self._dice.random())
            self._put_off(pending.known, self._distance(pending.known.tries, result), str(result))
            return
        self._holds.went_well(pending.known.repo)
        after = result(pending)
        self._save(pending.known, after)
        if after.state is State.REFUSED is not pending.known.state:
            log.warning("%s is refused: %s", key, after.reason)
        if after.looks > pending.known.looks:
            self._put_off(after, 2.0**after.looks, "the forge does not show yet who labelled it")

    def _distance(self, tries: int, error: Exception) -> float:
        return distance(self._settings.backoff, self._dice, tries, error)

    def _put_off(self, known: Known, seconds: float, sentence: str) -> None:
        log.warning("%s goes on in %.1f s: %s", known.key, seconds, sentence)
        self.durably(lambda: self._store.later(known.key, seconds, sentence))

    # -- on the forge -------------------------------------------------------------------------------------------------

    def _forge(self) -> IssueSource:
        if self._source is None:
            raise RuntimeError("an issue of a forge is followed, and there is no way to it")
        return self._source

    def _look_back(self, known: Known, pull: int) -> Outcome:
        forge = self._forge()
        # A merge closes the issue before whoever follows the pull request knows of it.
        is_merged = pull > 0 and was_ended(known, self._rules.names) and forge.is_merged(known.repo, pull)
        history = tuple(forge.history(known.repo, known.number))
        people = who_matters(history, self._rules.names.asks, known.asked_at)
        permissions = {who.login: forge.permission(known.repo, who.login) for who in people}
        base = known.base_branch or forge.base_branch(known.repo)
        changed = self._body_changed_at(forge, known, history)
        return partial(self._followed, known.seen, Evidence(history, permissions, is_merged, changed), base)

    def _body_changed_at(self, forge: IssueSource, known: Known, history: Sequence[Happening]) -> float | None:
        at = known.seen.updated_at
        asks = must_ask_for_edits(history, self._rules.names.asks, known.label_event, at)
        return forge.body_changed_at(known.repo, known.number, at) if asks else None

    def _followed(self, seen: Seen, evidence: Evidence, base: str, now: Pending) -> Known:
        if evidence.is_merged and now.item:
            # At once: an agent may still be at work on what is merged.
            self.mailbox.tell("delivery", LookAt(now.known.repo, now.item.pull))
        known = settled(now.known, now.item, self._rules.names)
        # What the history says is about the issue as it was then. Seen otherwise meanwhile, it is looked at again.
        return replace(follow(known, now.item, evidence, self._rules), base_branch=base) if known.seen == seen else known

    def _job_of(self, known: Known, sign: Relabel | Say) -> Callable[[], Outcome]:
        if isinstance(sign, Relabel):
            if is_claim(known, sign.shown):
                kind = claim_kind(known)
                return partial(self._claim, known, sign, kind, begun_before=self.durably(lambda: self._store.begin_tell(known, kind)))
            return partial(self._relabel, known, sign)
        # Written down first: killed behind the call, nobody would know that there may be one.
        before = self.durably(lambda: self._store.begin_tell(known, sign.kind))
        reached("issue-comment-begun")
        return partial(self._tell, known, sign, before=before)

    def _relabel(self, known: Known, sign: Relabel) -> Outcome:
        there = self._forge().relabel(known.repo, known.number, sign.add, sign.remove)
        return lambda now: replace(now.known, shown=sign.shown, seen=replace(now.known.seen, labels=there))

    def _claim(self, known: Known, sign: Relabel, kind: str, *, begun_before: bool) -> Outcome:
        came = self._claims.exchange(self._forge(), known, sign)
        return lambda now: self._claimed(now.known, kind, came, begun_before=begun_before)

    def _claimed(self, known: Known, kind: str, came: Exchange, *, begun_before: bool) -> Known:
        after = self._claims.follow(known, came, begun_before=begun_before)
        if after is None:
            self._put_off(known, AGAIN_SECONDS, "somebody else took its label off: another factory may have taken it up")
            return known
        self.durably(lambda: self._store.told(known, kind))
        return after

    def _tell(self, known: Known, say: Say, *, before: bool) -> Outcome:
        mark = marker(known.item, say.kind)
        text = f"{say.text}\n\n{claim(self._settings.instance)}" if say.claims else say.text
        at = self._forge().comment(known.repo, known.number, text, mark, look_first=before)
        return lambda now: self._told(now.known, say, at)

    def _told(self, known: Known, say: Say, at: float) -> Known:
        self.durably(lambda: self._store.told(known, say.kind))
        return replace(known, asked_at=at) if say.asks else known

    # -- to the queue -------------------------------------------------------------------------------------------------

    def _say(self, known: Known, word: Word) -> bool:
        if word in {Word.SUBMIT, Word.RETRY} and (why := self.durably(self._store.paused)):
            self._put_off(known, self._settings.poll_interval, why)
            return True
        try:
            answer = self.mailbox.ask("queue", self._mail(known, word), ASK_SECONDS)
        except ActorUnavailable as error:
            log.warning("%s: %s", known.key, error)
            return False
        self._answered(known, word, answer)
        return True

    def _mail(self, known: Known, word: Word) -> object:
        settings = self._settings
        return word_for(known, word, web=settings.web, priorities=settings.priorities, engine=settings.engine, needs=settings.needs)

    def _answered(self, known: Known, word: Word, answer: object) -> None:
        reached("issue-word-said")
        match answer:
            case Reply(code="invalid" | "conflict" | "refused", reason=reason) if word is Word.SUBMIT:
                log.warning("%s is refused by the queue: %s", known.key, reason)
                self._save(known, replace(known, state=State.REFUSED, reason=reason))
            case Reply(code="ok" | "conflict" | "not_found" | "invalid" | "refused") | Ok() | RefusedWord():
                log.info("%s: %s of item %s", known.key, word, known.item)
                self._save(known, heard(known, word))
                if word in {Word.SUBMIT, Word.RETRY, Word.REOPEN}:
                    self.mailbox.tell(self._settings.spec_writer, SpecWanted())
            case _:
                self._put_off(known, self._distance(known.tries, ActorUnavailable()), f"The queue answered {answer!r}.")

"""A place for intake to work in: a GitHub on this machine, a real database, and the queue's own store; people act through the API.

The actor is driven by hand: each of its turns is a call, its background threads are real. What it holds in memory is lost by
`restart`, everything around it stays, as with a killed process.
"""

import random
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from actors.background import Background
from actors.intake import THREADS, Intake, IntakeSettings
from factory.domain.backoff import BackoffPolicy
from factory.domain.forge import GitHub
from factory.domain.issue import issue_item_id
from factory.errors import ActorUnavailable
from factory.integrations.github_calls import Calls
from factory.integrations.github_issues import GitHubIssues
from factory.integrations.github_token import FixedToken
from factory.issue_ports import Inbox
from factory.protocol import mailbox
from factory.protocol.codec import Decoder, encode
from factory.protocol.commands import Reply, Steer, Submit
from factory.protocol.mailbox import Ok, Refused
from factory.standin.person import Person
from factory.storage.database import Database
from factory.storage.issues import IssueRows
from factory.storage.pull_requests import PullRequestRows
from factory.storage.webhooks import WebhookStore
from tests.actors.delivery_site import Killed, Trap
from tests.fakes.clock import ManualClock
from tests.items import store
from tests.standin import TOKEN, StandIn

LABEL = "ai-factory"
POLL = 60.0
MAX_TURNS = 2_000
_WAIT_SECONDS = 60.0
_INBOX: Decoder[Any] = Decoder(mailbox.QueueMail)


class Queue:
    """The queue's store behind the wire's form; one transaction for each mail."""

    def __init__(self, database: Database) -> None:
        self._items = store(database)
        self.heard: list[Any] = []
        self.told: list[tuple[str, Any]] = []
        self.is_away = False

    def tell(self, address: str, mail: object) -> bool:
        self.told.append((address, mail))
        return True

    def ask(self, address: str, mail: object, timeout: float) -> object:
        assert (address, timeout > 0) == ("queue", True)
        if self.is_away:
            raise ActorUnavailable("The actor queue did not answer.")
        return self._answer(_INBOX(encode(mail)))

    def _answer(self, mail: Any) -> object:
        self.heard.append(mail)
        with self._items.round() as round_:
            if isinstance(mail, Submit):
                reason = round_.submit(mail)
                return Reply("conflict", reason) if reason else Reply("ok", data={"item": mail.item})
            if isinstance(mail, Steer):
                return round_.said_before(mail.command) or round_.remember(mail.command, round_.steer(mail)[0])
            refused = round_.hear(mail).refused
            return Refused(refused, "conflict") if refused else Ok()


@dataclass(slots=True)
class Site:
    """Everything but the actor, and the actor. `writer` may write to the repository, `reader` may not."""

    standin: StandIn
    dsn: str
    repos: tuple[str, ...]
    clock: ManualClock = field(default_factory=ManualClock)
    inbox: Inbox | None = None
    settings: IntakeSettings = field(init=False)
    queue: Queue = field(init=False)
    traps: dict[str, Trap] = field(default_factory=dict)
    databases: list[Database] = field(default_factory=list)
    background: Background = field(init=False)
    actor: Intake = field(init=False)
    writer: Person = field(init=False)

    def __post_init__(self) -> None:
        self.standin.fails()
        self.settings = IntakeSettings(self.repos, self.standin.api, poll_interval=POLL, backoff=BackoffPolicy(0.0, 0.0))
        self.writer = self.standin.person("wanda", self.repos[0])
        self.queue = Queue(self._database())
        self.traps["mailbox"] = Trap(self.queue)
        self.restart()

    @property
    def repo(self) -> str:
        return self.repos[0]

    def restart(self) -> None:
        """The process is gone, and another one starts."""
        if self.traps.keys() > {"mailbox"}:
            self.background.close()
        place = GitHub(self.standin.api, self.standin.api)
        calls = Calls(place, FixedToken(TOKEN), PullRequestRows(self._database()), self.clock)
        self.traps["source"] = Trap(GitHubIssues(calls, self.clock))
        self.traps["store"] = Trap(IssueRows(self._database(), LABEL))
        self.background = Background(THREADS)
        self.actor = Intake(
            mailbox=self.traps["mailbox"], clock=self.clock, store=self.traps["store"], source=self.traps["source"], inbox=self.inbox,
            background=self.background, settings=self.settings, dice=random.Random(1), hints=WebhookStore(self._database()),
        )  # fmt: skip

    def trap_inbox(self) -> Trap:
        """Puts a trap before the inbox, for this process; the next one has none."""
        trap = Trap(self.inbox)
        desk: Any = self.actor._desk
        desk._inbox = trap
        return trap

    def turn(self) -> None:
        self.actor.on_tick()
        if self.inbox:
            select.select([self.background.pollable()], [], [], _WAIT_SECONDS)
            self.actor.on_ready(self.background)
        while self._network():
            select.select([self.background.pollable()], [], [], _WAIT_SECONDS)
            self.actor.on_ready(self.background)

    def settle(self) -> None:
        """Looks, and goes on until nothing is left to be done."""
        self.advance(POLL)
        for _ in range(MAX_TURNS):
            self.turn()
            if not self.rows("is_pending AND not_before <= clock_timestamp()"):
                return
        raise AssertionError(f"not within {MAX_TURNS} turns: {self.rows('is_pending')}")

    def survive(self) -> None:
        """Settles, by as many processes as it takes."""
        for _ in range(MAX_TURNS):
            try:
                self.settle()
                # What was done at the last moment is seen by one more look.
                self.settle()
                return
            except Killed:
                self.restart()
        raise AssertionError("killed for ever")

    def until(self, predicate: Callable[[], object]) -> None:
        for _ in range(MAX_TURNS):
            if predicate():
                return
            self.turn()
        raise AssertionError(f"not within {MAX_TURNS} turns: {self.rows('true')}")

    def advance(self, seconds: float) -> None:
        """Time passes, for the actor and for what the store puts off."""
        self.clock.advance(seconds)
        with self.databases[0].transaction() as cursor:
            cursor.execute(b"UPDATE issues SET not_before = not_before - make_interval(secs => %s)", (seconds,))

    def rows(self, which: str = "true") -> list[dict[str, Any]]:
        with self.databases[0].transaction() as cursor:
            return cursor.execute(f"SELECT * FROM issues WHERE {which} ORDER BY number".encode()).fetchall()  # noqa: S608 - a test's own words

    def items(self) -> list[dict[str, Any]]:
        with self.databases[0].transaction() as cursor:
            return cursor.execute(b"SELECT * FROM work_items ORDER BY created_at, id").fetchall()

    def item_becomes(self, number: int, status: str, reason: str = "", run: int = 1, condition: str | None = None) -> None:
        """What queue and workers do meanwhile."""
        bound = {"id": issue_item_id("github", f"{self.repo}#{number}", run), "status": status, "reason": reason, "condition": condition}
        with self.databases[0].transaction() as cursor:
            cursor.execute(
                b"UPDATE work_items SET status = %(status)s, reason = %(reason)s, condition = %(condition)s, spec = '- [ ] Do it',"
                b" version = version + 1 WHERE id = %(id)s",
                bound,
            )

    def said(self, number: int) -> list[str]:
        """What the factory wrote under the issue: the kinds, by their marks, in order."""
        bodies = [one["body"] for one in self.writer.comments(number)]
        return [
            body.rpartition("<!-- ai-factory:")[2].split(":", 1)[1].removesuffix(" -->") for body in bodies if "<!-- ai-factory:" in body
        ]

    def close(self) -> None:
        self.background.close()
        for database in self.databases:
            database.close()

    def _database(self) -> Database:
        self.databases.append(Database(self.dsn, "test"))
        return self.databases[-1]

    def _network(self) -> bool:
        return bool(self.actor._busy or (self.actor._looks and self.actor._looks.under_way))


@contextmanager
def site_at(standin: StandIn, dsn: str, repos: tuple[str, ...], inbox: Inbox | None = None) -> Iterator[Site]:
    for repo in repos:
        standin.repository(repo)
    site = Site(standin, dsn, repos, inbox=inbox)
    try:
        yield site
    finally:
        site.close()

"""One builder per actor: settings become adapters, adapters become an actor. A part of the composition root.

Each process builds only what its actor needs, so what is secret to one is not in the memory of another.
"""

import os
import random
import resource
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from actors.answers import About, Answers
from actors.background import Background
from actors.base import FactoryActor
from actors.database import DatabaseKeeper
from actors.delivery import THREADS, Delivery, DeliverySettings
from actors.dispatcher import Dispatcher
from actors.following import MOST_QUIET_SECONDS, FollowSettings
from actors.gateway import Gateway
from actors.journal import Journal
from actors.learner import Learner
from actors.limiter import Limiter
from actors.lock_manager import LockManager
from actors.operator_port import OperatorPort
from actors.process import ProcessOrder, serve
from actors.work_queue import WorkQueue
from actors.worker import WorkerActor
from actors.worker_orders import EngineAccess, WorkerTerms
from factory import logs
from factory.clock import SystemClock
from factory.config import Settings
from factory.delivery_ports import PullRequestReader
from factory.domain.backoff import BackoffPolicy
from factory.domain.delivery import Rules
from factory.domain.forge import GitHub
from factory.domain.forge_app import DELIVERY
from factory.domain.hosts import LOCAL
from factory.domain.work_item import RetryPolicy
from factory.errors import ActorUnavailable
from factory.integrations import claude_code, engines
from factory.integrations.folder_disk import FolderDisk
from factory.integrations.forge_choice import MadeAtFirstUse, PullRequestsByForge, ReadAtFirstUse
from factory.integrations.git import GitRepositories
from factory.integrations.git_overview import RepositoryOverviews
from factory.integrations.git_remote import Remotes
from factory.integrations.git_show import ResultViews
from factory.integrations.github_token import GitHubAccess, Mint
from factory.integrations.hashing import Hashing
from factory.integrations.local_pulls import LocalPullRequests
from factory.integrations.minilm import MiniLm, find_weights
from factory.learning_ports import Embedder
from factory.paths import running_root
from factory.ports import Clock, PullRequests
from factory.protocol import mailbox
from factory.protocol.codec import Decoder
from factory.protocol.intake_mail import IntakeMail
from factory.protocol.learner_mail import Found, Search
from factory.protocol.mailbox import Work
from factory.protocol.result_mail import ShowResult
from factory.protocol.spec_mail import SpecWriterMail
from factory.protocol.worker import EngineOptions
from factory.reload import news
from factory.storage.embedded import EmbeddedServer
from factory.storage.events import CHANNEL, EventReader
from factory.storage.following import FollowRows
from factory.storage.learnings import Learnings
from factory.storage.limits import LimitStore
from factory.storage.locks import LockStore
from factory.storage.migrate import migrate
from factory.storage.mirrors import MirrorStore
from factory.storage.outbox import OutboxStore
from factory.storage.outlooks import Outlooks
from factory.storage.pull_requests import PullRequestRows
from factory.storage.rounds import QueueTerms
from factory.storage.views import Views
from factory.storage.work_items import WorkItems
from factory.transport.command_link import CommandServer
from factory.transport.curve import KeyPair
from factory.transport.feed_publisher import FeedPublisher
from factory.transport.mailbox_link import MailboxClient
from factory.transport.operator_book import OperatorBook, server_key_path
from factory.transport.operator_desk import OperatorDesk
from factory.transport.worker_link import WorkerLink
from factory.version import VERSION
from factory.wiring_egress import build_egress, way_out_terms
from factory.wiring_github import github_mint
from factory.wiring_http import build_http
from factory.wiring_issues import build_intake
from factory.wiring_remote import build_hosts, every_host, gateway, host_of, listening, meter_of
from factory.wiring_site import Shared, Site
from factory.wiring_specs import build_spec_writer

if TYPE_CHECKING:
    from factory.integrations.github_pulls import GitHubPullRequests

GATEWAY_MEMORY = 1024 * 1024 * 1024
"""Bytes of data the gateway may have: far above its need, far below what would hurt the machine. A hostile peer that fills it
makes the gateway crash and start anew, nobody else."""

JOURNAL_MEMORY = 2 * GATEWAY_MEMORY
"""Bytes of data the journal may have where operators on other machines reach it: a snapshot of a large factory is made several times."""

_SEARCH_SECONDS = 3.0
"""The learner answers in a few ms, later where it loads its model first or embeds what an attempt left."""

_TREE_SECONDS = 2.0
"""The root answers in milliseconds unless it is just making a process."""


@dataclass(frozen=True, slots=True)
class Kind:
    """An actor's inbox and how it is built."""

    inbox: Any
    build: Callable[[Site, "Shared", bytes], FactoryActor]


def _database(site: Site, shared: Shared, _: bytes) -> DatabaseKeeper:
    server = EmbeddedServer(site.paths.postgres)
    return DatabaseKeeper(**shared.common, server=server, migrate=migrate, heartbeat=site.settings.heartbeat)


def _queue(site: Site, shared: Shared, _: bytes) -> WorkQueue:
    settings = site.settings
    retry = RetryPolicy(
        settings.max_attempts,
        settings.max_setbacks,
        settings.retry_stuck,
        attempt_backoff=BackoffPolicy(settings.attempt_backoff, settings.backoff_cap),
        setback_backoff=BackoffPolicy(settings.setback_backoff, settings.backoff_cap),
    )
    store = WorkItems(shared.sole_database(), QueueTerms(site.terms, retry, settings.only, settings.max_reworks))
    return WorkQueue(**shared.common, store=store, terms=site.terms, boot=secrets.token_hex(8), dice=random.Random())


def _limiter(site: Site, shared: Shared, _: bytes) -> Limiter:
    disk = FolderDisk(site.paths.workers)
    return Limiter(**shared.common, store=LimitStore(shared.database()), disk=disk, settings=site.news or news(site.settings))


def _locks(site: Site, shared: Shared, _: bytes) -> LockManager:
    return LockManager(**shared.common, store=LockStore(shared.database()), sweep_every=site.settings.heartbeat)


def _gateway(site: Site, shared: Shared, _: bytes) -> Gateway:
    resource.setrlimit(resource.RLIMIT_DATA, (GATEWAY_MEMORY, GATEWAY_MEMORY))
    keys = KeyPair.load(site.gateway_key)
    link = WorkerLink(site.endpoint, keys, site.settings.heartbeat, listen=listening(site.settings))
    return gateway(site, shared.common, link, keys)


def _dispatcher(site: Site, shared: Shared, _: bytes) -> Dispatcher:
    heartbeat, remote = site.settings.heartbeat, bool(site.settings.worker_listen)
    host, check = every_host(site, shared.host()), shared.readiness()
    labels = frozenset(site.settings.worker_labels)
    return Dispatcher(
        **shared.common, host=host, background=Background(2), heartbeat=heartbeat, ready=check, remote=remote, labels=labels,
        alone=site.settings.network != "host",
    )  # fmt: skip


_QUIET = 6
"""Heartbeats: the queue notes the time each second or third, and a lease that is not renewed ends sooner than this."""


def _journal(site: Site, shared: Shared, _: bytes) -> Journal:
    database, started = shared.database(), shared.clock.monotonic()
    views, trail = Views(database, _QUIET * site.settings.heartbeat), EventReader(database)
    terms = (site.settings.only, site.settings.max_attempts, running_root(site.paths), site.lacking)
    port = _operators(site)
    about = About(
        site.instance, VERSION, site.grade, site.paths.logs, *terms, data=site.paths.data, heartbeat=site.settings.heartbeat,
        stalled_after=site.settings.stalled_after, max_workers=site.settings.max_workers, listen=port.endpoint if port else "",
        worker_listen=site.settings.worker_listen,
    )  # fmt: skip
    uptime, mailboxes = (lambda: shared.clock.monotonic() - started), shared.mailbox
    search, read = partial(_search, mailboxes), partial(_read, mailboxes)
    answers = Answers(views, trail, about, uptime, partial(_tree, mailboxes), search=search, read=read, outlook=Outlooks(database))
    return Journal(
        **shared.common,
        views=views,
        trail=trail,
        answers=answers,
        commands=CommandServer(site.paths.run),
        feed=FeedPublisher(site.paths.run, secrets.token_hex(8), shared.clock.now),
        port=port,
        listen=partial(database.listen, CHANNEL),
        heartbeat=site.settings.heartbeat,
    )


def _operators(site: Site) -> OperatorPort | None:
    """The way in for operators on other machines, where one is set."""
    if not site.settings.listen:
        return None
    # Whoever holds a key can make zmq fill this process's memory; it ends then, and starts anew.
    resource.setrlimit(resource.RLIMIT_DATA, (JOURNAL_MEMORY, JOURNAL_MEMORY))
    keys, book = KeyPair.obtain(server_key_path(site.paths.data)), OperatorBook(site.paths.data)
    return OperatorPort(OperatorDesk(site.settings.listen, keys, book, site.settings.heartbeat))


def _tree(mailboxes: MailboxClient) -> mailbox.Tree | None:
    try:
        tree = mailboxes.ask("supervisor", mailbox.Children(), _TREE_SECONDS)
    except ActorUnavailable:
        return None
    return tree if isinstance(tree, mailbox.Tree) else None


def _search(mailboxes: MailboxClient, search: Search) -> Found | None:
    try:
        found = mailboxes.ask("learner", search, _SEARCH_SECONDS)
    except ActorUnavailable:
        return None
    return found if isinstance(found, Found) else None


def _read(mailboxes: MailboxClient, asked: ShowResult) -> object | None:
    try:
        return mailboxes.ask("delivery", asked, _SEARCH_SECONDS)
    except ActorUnavailable:
        return None


def _learner(site: Site, shared: Shared, _: bytes) -> Learner:
    database = shared.database()
    return Learner(
        **shared.common, store=Learnings(database), trail=EventReader(database), embedder=_embedder(), heartbeat=site.settings.heartbeat
    )


def _embedder() -> Embedder:
    """The model where its weights are installed as they are pinned; else hashing, which says so beside each learning."""
    weights = find_weights()
    return Hashing() if weights is None else MiniLm(weights)


def _delivery(site: Site, shared: Shared, _: bytes) -> Delivery:
    settings = site.settings
    rules = Rules(
        guarded=(*Rules().guarded, *settings.guarded_paths),
        max_added_lines=settings.max_added_lines,
        max_files=settings.max_files,
        max_file_bytes=settings.max_file_bytes,
    )
    remotes, pulls = _forge(shared, settings)
    following = FollowSettings(settings.follow_interval, max(settings.follow_interval, MOST_QUIET_SECONDS), settings.auto_merge)
    return Delivery(
        **shared.common,
        repositories=GitRepositories(site.paths.mirrors, site.paths.imports, remotes),
        pulls=pulls,
        host=shared.host(),
        outbox=OutboxStore(shared.database()),
        locks=LockStore(shared.database("locks")),
        mirrors=MirrorStore(shared.database("mirrors")),
        background=Background(THREADS),
        settings=DeliverySettings(settings.gates, rules, follow=following),
        results=site.paths.results,
        dice=random.Random(),
        reader=ResultViews(site.paths.mirrors, site.paths.imports / "shown", remotes),
        overviews=RepositoryOverviews(site.paths.mirrors, remotes),
        forge=_followed(pulls, shared, settings),
        way_out=way_out_terms(site),
    )


def _forge(shared: Shared, settings: Settings) -> tuple[Remotes, PullRequests]:
    """How remotes are reached and where pull requests are opened: at GitHub where there is a token for it."""
    # Connections of their own: pull requests are opened in the background.
    local = LocalPullRequests(PullRequestRows(shared.database("pulls")))
    place, mint = github_mint(os.environ, DELIVERY, shared.clock)
    if mint is None:
        return Remotes(), local
    store = PullRequestRows(shared.database("github"))
    there = MadeAtFirstUse(partial(_on_github, place, mint, store, shared.clock, settings))
    return Remotes(GitHubAccess(place, mint)), PullRequestsByForge(place, there, local)


def _on_github(place: GitHub, mint: Mint, store: PullRequestRows, clock: Clock, settings: Settings) -> PullRequests:
    from factory.integrations.github_pulls import GitHubPullRequests  # noqa: PLC0415 - megabytes, and a third of a second

    return GitHubPullRequests(place, mint, store, clock, follows=settings.follow_pulls, labels=settings.pull_labels)


def _followed(pulls: PullRequests, shared: Shared, settings: Settings) -> tuple[PullRequestReader, FollowRows] | None:
    """Who reads what becomes of pull requests, and where that is kept; None where nobody can be asked."""
    there = pulls.on_github if isinstance(pulls, PullRequestsByForge) else None
    if not isinstance(there, MadeAtFirstUse) or not settings.follow_pulls:
        return None
    return ReadAtFirstUse(there, _reader), FollowRows(shared.database("following"))


def _reader(calls: PullRequests) -> PullRequestReader:
    from factory.integrations.github_follow import GitHubFollower  # noqa: PLC0415 - as above

    return GitHubFollower(cast("GitHubPullRequests", calls))


def _worker(site: Site, shared: Shared, argument: bytes) -> WorkerActor:
    settings = site.settings
    decode: Decoder[Work] = Decoder(Work)
    work = decode(argument)
    terms = WorkerTerms(
        endpoint=site.endpoint,
        server_key=KeyPair.load(site.gateway_key).public,
        lease=site.terms,
        iteration_timeout=settings.iteration_timeout,
        stuck_after=settings.stuck_after,
        stop_grace=settings.stop_grace,
        results=site.paths.results,
        logs=site.paths.logs,
        access=_access(site, work.engine, here=work.host in {"", LOCAL}),
        way_out=way_out_terms(site),
    )
    host, meter = host_of(site, shared.host(), work.host), meter_of(site, shared, work.host)
    # One thread for what the attempt waits for, and one for each look at its host, that nobody waits for.
    return WorkerActor(**shared.common, host=host, work=work, terms=terms, background=Background(3 if meter else 2), meter=meter)


def _access(site: Site, engine: str, *, here: bool) -> EngineAccess:
    settings = site.settings
    environ = engines.with_program({**os.environ, **site.credential}, settings.claude_bin)
    here = here and settings.worker_host == "process"
    found = claude_code.find(environ) if here else None
    options = EngineOptions(
        settings.claude_model, settings.claude_effort, dict(settings.mcp), settings.claude_arguments, settings.claude_silence
    )  # fmt: skip
    problem = engines.lacking(engine, environ, settings.engine_keys, here=here)
    return EngineAccess(found.binary if found else None, site.credential, problem, options, programs_here=here)


KINDS: Mapping[str, Kind] = {
    "database": Kind(mailbox.DatabaseMail, _database),
    "queue": Kind(mailbox.QueueMail, _queue),
    "limiter": Kind(mailbox.LimiterMail, _limiter),
    "locks": Kind(mailbox.LocksMail, _locks),
    "gateway": Kind(mailbox.GatewayMail, _gateway),
    "hosts": Kind(mailbox.HostsMail, build_hosts),
    "dispatcher": Kind(mailbox.DispatcherMail, _dispatcher),
    "journal": Kind(mailbox.JournalMail, _journal),
    "delivery": Kind(mailbox.DeliveryMail, _delivery),
    "learner": Kind(mailbox.LearnerMail, _learner),
    "intake": Kind(IntakeMail, build_intake),
    "http": Kind(mailbox.HttpMail, build_http),
    "egress": Kind(mailbox.EgressMail, build_egress),
    "spec_writer": Kind(SpecWriterMail, build_spec_writer),
    "worker": Kind(mailbox.WorkerMail, _worker),
}


def run_actor(order: ProcessOrder, ready: Connection) -> None:
    """The main function of every process of the tree."""
    site: Site = order.settings
    os.environ.update(order.environment)
    log_as(order.name, site.log_file)
    kind = KINDS[order.kind]
    make = partial(_build, kind, site, order)
    serve(make, name=order.name, run_dir=order.run_dir, inbox_kind=kind.inbox, ready=ready, clock=SystemClock())


@cache
def log_as(name: str, file: Path) -> None:
    """Sets up this process's log lines, once: a spare has done so before it begins."""
    logs.configure(name, file=file)


def _build(kind: Kind, site: Site, order: ProcessOrder) -> FactoryActor:
    return kind.build(site, Shared(site, order.name), order.argument)

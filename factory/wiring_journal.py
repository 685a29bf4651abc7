"""What answers operators and tells them what happens, here and on other machines. A part of the composition root."""

import resource
import secrets
from functools import partial

from actors.answers import About, Answers
from actors.journal import Journal
from actors.operator_port import OperatorPort
from factory.errors import ActorUnavailable
from factory.paths import running_root
from factory.protocol import mailbox
from factory.protocol.learner_mail import Found, Search
from factory.protocol.result_mail import ShowResult
from factory.storage.events import CHANNEL, EventReader
from factory.storage.outlooks import Outlooks
from factory.storage.views import Views
from factory.transport.command_link import CommandServer
from factory.transport.curve import KeyPair
from factory.transport.feed_publisher import FeedPublisher
from factory.transport.mailbox_link import MailboxClient
from factory.transport.operator_book import OperatorBook, server_key_path
from factory.transport.operator_desk import OperatorDesk
from factory.version import VERSION
from factory.wiring_site import Shared, Site

_MEMORY = 2 * 1024 * 1024 * 1024
"""Bytes of data the journal may have where operators on other machines reach it: a snapshot of a large factory is made several times."""

_QUIET = 6
"""Heartbeats: the queue notes the time each second or third, and a lease that is not renewed ends sooner than this."""

_SEARCH_SECONDS = 3.0
"""The learner answers in a few ms, later where it loads its model first or embeds what an attempt left."""

_TREE_SECONDS = 2.0
"""The root answers in milliseconds unless it is just making a process."""


def build_journal(site: Site, shared: Shared, _: bytes) -> Journal:
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
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
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

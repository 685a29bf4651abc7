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
from typing import Any

from actors.background import Background
from actors.base import FactoryActor
from actors.database import DatabaseKeeper
from actors.dispatcher import Dispatcher
from actors.gateway import Gateway
from actors.learner import Learner
from actors.limiter import Limiter
from actors.lock_manager import LockManager
from actors.process import ProcessOrder, serve
from actors.work_queue import WorkQueue
from actors.worker import WorkerActor
from actors.worker_orders import EngineAccess, WorkerTerms
from factory import logs
from factory.clock import SystemClock
from factory.domain.backoff import BackoffPolicy
from factory.domain.hosts import LOCAL
from factory.domain.work_item import RetryPolicy
from factory.integrations import claude_code, engines
from factory.integrations.folder_disk import FolderDisk
from factory.integrations.hashing import Hashing
from factory.integrations.minilm import MiniLm, find_weights
from factory.learning_ports import Embedder
from factory.protocol import mailbox
from factory.protocol.codec import Decoder
from factory.protocol.intake_mail import IntakeMail
from factory.protocol.mailbox import Work
from factory.protocol.spec_mail import SpecWriterMail
from factory.protocol.worker import EngineOptions
from factory.reload import news
from factory.storage.embedded import EmbeddedServer
from factory.storage.events import EventReader
from factory.storage.learnings import Learnings
from factory.storage.limits import LimitStore
from factory.storage.locks import LockStore
from factory.storage.migrate import migrate
from factory.storage.rounds import QueueTerms
from factory.storage.work_items import WorkItems
from factory.transport.curve import KeyPair
from factory.transport.worker_link import WorkerLink
from factory.wiring_delivery import build_delivery
from factory.wiring_egress import build_egress, way_out_terms
from factory.wiring_http import build_http
from factory.wiring_issues import build_intake
from factory.wiring_journal import build_journal
from factory.wiring_remote import build_hosts, every_host, gateway, host_of, listening, meter_of
from factory.wiring_site import Shared, Site
from factory.wiring_specs import build_spec_writer

GATEWAY_MEMORY = 1024 * 1024 * 1024
"""Bytes of data the gateway may have: far above its need, far below what would hurt the machine. A hostile peer that fills it
makes the gateway crash and start anew, nobody else."""


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


def _learner(site: Site, shared: Shared, _: bytes) -> Learner:
    database = shared.database()
    return Learner(
        **shared.common, store=Learnings(database), trail=EventReader(database), embedder=_embedder(), heartbeat=site.settings.heartbeat
    )


def _embedder() -> Embedder:
    """The model where its weights are installed as they are pinned; else hashing, which says so beside each learning."""
    weights = find_weights()
    return Hashing() if weights is None else MiniLm(weights)


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
    "journal": Kind(mailbox.JournalMail, build_journal),
    "delivery": Kind(mailbox.DeliveryMail, build_delivery),
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

"""The composition root: the tree, its root process, and what each of its processes is started with."""

import os
import resource
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import structlog

from actors.launcher import Launcher
from actors.process import ProcessOrder
from actors.spares import Practice
from actors.supervisor import WORKER_SHUTDOWN_SECONDS, Supervisor
from factory import logs
from factory.clock import SystemClock
from factory.config import Settings
from factory.domain.supervision import ChildSpec, Level
from factory.integrations import engines
from factory.integrations.process_host import ProcessHost
from factory.integrations.process_host_choice import Choice
from factory.integrations.systemd import Systemd
from factory.paths import Paths, instance_name
from factory.privileges import credential_for, environment_for, settings_for
from factory.protocol.codec import BadMessage, Decoder
from factory.protocol.mailbox import Work
from factory.reload import Reload
from factory.service_ports import ServiceManager
from factory.storage.migrate import migrate
from factory.storage.ownership import refuse_second
from factory.storage.server_check import check_server
from factory.transport.curve import KeyPair
from factory.transport.mailbox_link import MailboxClient
from factory.wiring_actors import run_actor
from factory.wiring_egress import check_way_out, prepare_way_out
from factory.wiring_github import is_on_github
from factory.wiring_http import webhook_secrets
from factory.wiring_issues import check_intake
from factory.wiring_remote import check_remote
from factory.wiring_site import Site
from factory.wiring_spare import get_ready, prepare, remove_left
from factory.worker_ports import Isolation

log = structlog.get_logger(__name__)

Credentials = Mapping[str, Mapping[str, str]]

_START_SECONDS = 60.0
"""The database's first start makes a cluster and its schema; the others wait for nothing but imports."""

_GATEWAY_ASKS_SECONDS = 2.0
"""The longest that the gateway waits for somebody else in one of its turns."""

SPARED = frozenset({"queue", "limiter", "locks", "gateway", "dispatcher", "journal"})
"""Kinds of actors whose restart others wait for. A worker's actor is not restarted, delivery and learner have time."""

YIELDING = frozenset({"queue", "limiter", "locks", "journal"})
"""Kinds of them that begin while the kernel still takes the process before them apart: they hold nothing of which there is only one.
The queue's lock is the database's, which it may have to wait for anyway."""

SPARES = 2
"""Processes that wait to become one of them: what dies often dies in company, and each costs some megabytes."""


def specs(settings: Settings) -> list[ChildSpec]:
    """The children that are always there, in start order."""
    own_server = [] if settings.database_url else [ChildSpec("database", Level.CORE, start_timeout=_START_SECONDS, shutdown=30.0)]
    # The journal comes up last of the core: when it answers, the factory works.
    gateway = ChildSpec("gateway", Level.CORE, longest_turn=2 * settings.heartbeat + _GATEWAY_ASKS_SECONDS, keeps_leases=True)
    names = ("queue", "limiter", "locks", "gateway", "dispatcher", "journal")
    core = [gateway if name == gateway.name else ChildSpec(name, Level.CORE) for name in names]
    # First of its level: workers that are adopted after a start wait for it.
    way_out = [ChildSpec("egress", Level.EDGE)] if settings.network == "egress" else []
    edge = [*way_out, ChildSpec("delivery", Level.EDGE, shutdown=15.0), ChildSpec("learner", Level.EDGE)]
    # Intake also hands on what webhooks tell of pull requests.
    intake = [ChildSpec("intake", Level.EDGE)] if settings.repos or settings.inbox or settings.http_listen else []
    takes_in = [*intake, ChildSpec("spec_writer", Level.EDGE)] if settings.repos or settings.inbox else intake
    web = [ChildSpec("http", Level.EDGE)] if settings.http_listen else []
    if settings.worker_listen:
        # Behind the gateway, whose mail it is sent, and before whoever places workers.
        core.insert(names.index("gateway") + 1, ChildSpec("hosts", Level.CORE))
    return [*own_server, *core, *edge, *takes_in, *web]


def run_root(settings: Settings, paths: Paths, credentials: Credentials | None = None, again: Callable[[], Settings] | None = None) -> int:
    """The factory, until it is asked to stop. Returns the exit code. Needs `paths.prepare` and `paths.claim`.

    Args:
        credentials: engine → what its workers log in with (`domain.engine_keys.take`).
        again: reads the settings anew, on SIGHUP.
    """
    # It has the operator's keys, and what a crash writes down is for others to read.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    log_file = paths.logs / "factory.log"
    logs.configure("root", file=log_file, console=sys.stderr)
    # Said here, in one sentence: delivery itself would only be started again and again.
    check_intake(settings, is_on_github(os.environ))
    check_way_out(settings)
    check_remote(settings)
    if settings.http_listen:
        webhook_secrets(os.environ)
    if settings.database_url:
        check_server(settings.database_url)
        refuse_second(settings.database_url, instance_name(paths))
        migrate(settings.database_url)
    site = _site(settings, paths, log_file, credentials or {})
    if settings.network == "egress":
        prepare_way_out(site)
    reload = Reload(settings, again, lambda told: MailboxClient(paths.run).tell("limiter", told))
    manager: ServiceManager = Systemd(os.environ)
    launcher = Launcher(
        run_actor,
        preload=_preload(settings),
        spared=SPARED,
        # Where the journal has a port to listen on, there is one of that.
        yielding=YIELDING - ({"journal"} if settings.listen else set()),
        practice=Practice(partial(get_ready, paths.run), prepare),
    )
    supervisor = Supervisor(
        specs(settings),
        launcher=launcher,
        orders=lambda spec, given: _order(replace(site, settings=reload.settings, news=reload.news), credentials or {}, spec, given),
        run_dir=paths.run,
        clock=SystemClock(),
        heartbeat=settings.heartbeat,
        worker_shutdown=settings.stop_grace + WORKER_SHUTDOWN_SECONDS,
        on_up=lambda: _up(launcher, site, manager),
        chores=lambda: _chores(launcher, log_file, manager),
        on_stop=manager.stopping,
        on_hangup=reload.hung_up,
    )
    remove_left(paths.run)
    # Children start where the root is: the folder it was called from may be deleted while it runs.
    os.chdir(paths.data)
    try:
        return supervisor.run()
    finally:
        remove_left(paths.run)


def _preload(settings: Settings) -> tuple[str, ...]:
    # The SDK takes a quarter of a second and some megabytes: once here, or in each worker's actor.
    containers = ("factory.integrations.docker_host",) if settings.worker_host == "docker" else ()
    return ("actors.lean", "factory.wiring", *containers, "actors.preload")


def _up(launcher: Launcher, site: Site, manager: ServiceManager) -> None:
    manager.ready()
    log.info("factory.up", data=str(site.paths.data), workers=site.settings.max_workers, isolation=site.grade)
    # Only from here on: the start needs the processor itself.
    launcher.keep_spares(SPARES)


def _chores(launcher: Launcher, log_file: Path, manager: ServiceManager) -> None:
    manager.alive()
    logs.rotate(log_file)
    # Where a spare has died while it waited: what an actor took has been made anew long since.
    launcher.refill()


def _order(site: Site, credentials: Credentials, spec: ChildSpec, argument: bytes) -> ProcessOrder:
    kind, by_way_out = spec.kind or spec.name, site.settings.network == "egress"
    credential = credential_for(kind, _engine_of(argument) if kind == "worker" else "", credentials, by_way_out=by_way_out)
    known = replace(site, settings=settings_for(kind, site.settings), credential=credential)
    return ProcessOrder(spec.name, kind, site.paths.run, known, argument, environment_for(kind, site.settings, os.environ))


def _engine_of(argument: bytes) -> str:
    """Of a worker's work. What cannot be read gets no credential, and ends the worker's process instead of this one."""
    decode: Decoder[Work] = Decoder(Work)
    try:
        return decode(argument).engine
    except BadMessage:
        return ""


def _site(settings: Settings, paths: Paths, log_file: Path, credentials: Credentials) -> Site:
    KeyPair.obtain(paths.data / "gateway.key")
    instance = instance_name(paths)
    found, grade = _isolated(settings, paths, instance)
    given = {name: value for each in credentials.values() for name, value in each.items()}
    known = engines.with_program({**os.environ, **given}, settings.claude_bin)
    lacking = engines.all_lacking(known, settings.engine_keys, here=settings.worker_host == "process")
    if "claude" in lacking:
        log.warning("engine.lacks", engine="claude", why=lacking["claude"])
    return Site(settings, paths, instance, found, grade, log_file, lacking=lacking)


def _isolated(settings: Settings, paths: Paths, instance: str) -> tuple[Choice, Isolation]:
    """The way that was found, so that no other process has to find it out again, and its grade."""
    if settings.worker_host == "docker":
        return settings.isolation, Isolation.CONTAINER
    host = ProcessHost(paths.workers, instance, Path(sys.executable), settings.isolation, SystemClock(), network=settings.network == "host")
    return "unconfined" if host.isolation is Isolation.UNCONFINED else cast("Choice", host.way), host.isolation

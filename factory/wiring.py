"""The composition root: the tree, its root process, and what each of its processes is started with."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import structlog

from actors.launcher import Launcher
from actors.process import ProcessOrder
from actors.supervisor import WORKER_SHUTDOWN_SECONDS, Supervisor
from factory import logs
from factory.clock import SystemClock
from factory.config import Settings
from factory.domain.supervision import ChildSpec, Level
from factory.integrations.process_host import ProcessHost
from factory.integrations.process_host_choice import Choice
from factory.paths import Paths, instance_name
from factory.ports import Isolation
from factory.privileges import credential_for, environment_for, settings_for
from factory.reload import Reload
from factory.storage.migrate import migrate
from factory.storage.server_check import check_server
from factory.transport.curve import KeyPair
from factory.transport.mailbox_link import MailboxClient
from factory.wiring_actors import run_actor
from factory.wiring_site import Site

log = structlog.get_logger(__name__)

_START_SECONDS = 60.0
"""The database's first start makes a cluster and its schema; the others wait for nothing but imports."""


def specs(settings: Settings) -> list[ChildSpec]:
    """The children that are always there, in start order."""
    own_server = [] if settings.database_url else [ChildSpec("database", Level.CORE, start_timeout=_START_SECONDS, shutdown=30.0)]
    # The journal comes up last of the core: when it answers, the factory works.
    core = ["queue", "limiter", "locks", "gateway", "dispatcher", "journal"]
    edge = [ChildSpec("delivery", Level.EDGE, shutdown=15.0), ChildSpec("learner", Level.EDGE)]
    return [*own_server, *(ChildSpec(name, Level.CORE) for name in core), *edge]


def run_root(
    settings: Settings, paths: Paths, credential: Mapping[str, str] | None = None, again: Callable[[], Settings] | None = None
) -> int:
    """The factory, until it is asked to stop. Returns the exit code. Needs `paths.prepare` and `paths.claim`.

    Args:
        credential: of the engine `claude`, as its environment names it.
        again: reads the settings anew, on SIGHUP.
    """
    log_file = paths.logs / "factory.log"
    logs.configure("root", file=log_file, console=sys.stderr)
    if settings.database_url:
        check_server(settings.database_url)
        migrate(settings.database_url)
    site = _site(settings, paths, log_file)
    reload = Reload(settings, again, lambda told: MailboxClient(paths.run).tell("limiter", told))
    supervisor = Supervisor(
        specs(settings),
        launcher=Launcher(run_actor, preload=("factory.wiring", "actors.preload")),
        orders=lambda spec, given: _order(replace(site, settings=reload.settings, news=reload.news), credential or {}, spec, given),
        run_dir=paths.run,
        clock=SystemClock(),
        worker_shutdown=settings.stop_grace + WORKER_SHUTDOWN_SECONDS,
        on_up=lambda: log.info("factory.up", data=str(paths.data), workers=settings.max_workers, isolation=site.grade),
        chores=partial(logs.rotate, log_file),
        on_hangup=reload.hung_up,
    )
    # Children start where the root is: the folder it was called from may be deleted while it runs.
    os.chdir(paths.data)
    return supervisor.run()


def _order(site: Site, credential: Mapping[str, str], spec: ChildSpec, argument: bytes) -> ProcessOrder:
    kind = spec.kind or spec.name
    known = replace(site, settings=settings_for(kind, site.settings), credential=credential_for(kind, credential))
    return ProcessOrder(spec.name, kind, site.paths.run, known, argument, environment_for(kind, site.settings, os.environ))


def _site(settings: Settings, paths: Paths, log_file: Path) -> Site:
    KeyPair.obtain(paths.data / "gateway.key")
    instance = instance_name(paths)
    host = ProcessHost(paths.workers, instance, Path(sys.executable), settings.isolation, SystemClock())
    # The way that was found, so that no other process has to find it out again.
    found: Choice = "unconfined" if host.isolation is Isolation.UNCONFINED else cast("Choice", host.way)
    return Site(settings, paths, instance, found, host.isolation, log_file)

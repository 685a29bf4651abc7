"""The composition for commands that need no running factory: the doctor's checks, and the migration of a database.

Apart from `wiring`, so that the doctor does not depend on what it looks at: no actor and no socket is imported here.
"""

import importlib.metadata
import os
import resource
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from factory import doctor_checks as host
from factory import doctor_checks_database as database
from factory import doctor_checks_folders as folders
from factory.clock import SystemClock
from factory.config import Settings, load
from factory.config_egress import conflict
from factory.config_sources import user_file
from factory.doctor import Check, Verdict, fail, ok
from factory.doctor_checks_way_out import way_out
from factory.domain.egress import parse_rule
from factory.domain.engine_keys import KEYS, credential
from factory.errors import HostUnavailable, InvalidInput
from factory.integrations import claude_code, engines
from factory.integrations.folder_disk import FolderDisk
from factory.integrations.process_host import ProcessHost
from factory.paths import Paths, fresh_folder, nearest, prepare
from factory.privileges import MODEL_KEY
from factory.storage.embedded import EmbeddedServer
from factory.storage.embedded_look import readiness
from factory.storage.inspection import inspect
from factory.storage.migrate import migrate
from factory.storage.server_check import check_server
from factory.wiring_docker import checks as docker_checks
from factory.wiring_github import issue_checks

_PROGRAM_SECONDS = 3.0
"""For `--version` of a program: it may be started from a cold disk, or be a script that starts an interpreter."""
_OUTPUT_BYTES = 200


def migrate_now(settings: Settings, paths: Paths) -> list[str]:
    """Brings the database to the newest schema and returns what was run. The embedded server is started for it where it does not run.

    Raises:
        FactoryError: as `check_server`, `EmbeddedServer.start` and `migrate` say.
    """
    if settings.database_url:
        check_server(settings.database_url)
        return migrate(settings.database_url)
    prepare(paths)
    with EmbeddedServer(paths.postgres).hold() as dsn:
        return migrate(dsn)


def checks(paths: Paths, environ: Mapping[str, str], folder: Path) -> list[Check]:
    """Everything that the doctor looks at, in the order in which it is told.

    Args:
        folder: where `factory up` would be called.
    """
    settings, configured = _settings(environ, folder)
    return [
        *_host(environ),
        Check("configuration", "settings", lambda: configured),
        *_folders(paths),
        *([] if settings is None else [_database(settings, paths)]),
        Check("git", "git", partial(_git, environ)),
        *_engines(environ, settings or Settings()),
        *([] if settings is None else issue_checks(settings, environ)),
        *([Check("issues", "specs", partial(_specs, environ, settings))] if settings and (settings.repos or settings.inbox) else []),
        *([] if settings is None else docker_checks(settings) or [Check("isolation", "workers", partial(_isolation, settings))]),
        *([Check("isolation", "way out", partial(_way_out, environ, settings))] if settings and _speaks_of_network(settings) else []),
        *_stale(paths),
        Check("packages", "factory", _packages),
    ]


def _host(environ: Mapping[str, str]) -> list[Check]:
    clock = SystemClock()
    before = clock.monotonic(), clock.now()
    return [
        Check("host", "python", lambda: host.python(sys.version_info[:3], sys.executable)),
        Check("host", "memory", _memory),
        Check("host", "clock", lambda: host.clock(clock, before)),
        Check("host", "open files", lambda: host.open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0])),
        Check("host", "PATH", lambda: host.search_path(environ)),
    ]


def _memory() -> Verdict:
    import psutil  # noqa: PLC0415 - the others shall not wait for it

    found = psutil.virtual_memory()
    return host.memory(found.available, found.total)


def _settings(environ: Mapping[str, str], folder: Path) -> tuple[Settings | None, Verdict]:
    try:
        settings = load(environ, folder)
    except InvalidInput as error:
        return None, fail(str(error), "correct it there; `factory config show --origin` tells where each value comes from")
    files = [str(file) for file in (folder / "factory.toml", user_file(environ)) if file.exists()]
    return settings, ok(f"valid, with {' and '.join(files)}" if files else "valid, without a file")


def _folders(paths: Paths) -> list[Check]:
    secrets = [paths.data / "gateway.key", paths.postgres / "pgpass"]
    return [
        Check("folders", "data", partial(folders.data_folder, paths), partial(folders.close_data_folder, paths)),
        Check("folders", "run", partial(folders.run_folder, paths), partial(folders.close_run_folder, paths)),
        Check("folders", "socket paths", partial(folders.socket_paths, paths)),
        Check("folders", "keys", partial(folders.secrets, secrets), partial(folders.close_secrets, secrets)),
        Check("folders", "disk", partial(_disk, paths.data)),
    ]


def _disk(folder: Path) -> Verdict:
    free, total = FolderDisk(folder).space()
    return host.disk(free, total, str(nearest(folder)))


def _database(settings: Settings, paths: Paths) -> Check:
    url, clock = settings.database_url, SystemClock()
    if url:
        return Check("database", "server", lambda: database.server(partial(inspect, url, clock), "DATABASE_URL"))
    return Check("database", "embedded", partial(_embedded, EmbeddedServer(paths.postgres), paths))


def _embedded(server: EmbeddedServer, paths: Paths) -> Verdict:
    if server.is_running():
        return database.server(partial(inspect, server.dsn, SystemClock()), "DATABASE_URL")
    return database.embedded(partial(readiness, paths.postgres))


def _git(environ: Mapping[str, str]) -> Verdict:
    program = shutil.which("git", path=environ.get("PATH", ""))
    return host.git(_version(program) if program else None, environ.get("PATH", ""))


def _engines(environ: Mapping[str, str], settings: Settings) -> list[Check]:
    """Claude Code always; of the others those that are installed, since nobody has to have them."""
    known = engines.with_program(environ, settings.claude_bin)
    others = [name for name in KEYS if name != "claude" and shutil.which(name, path=environ.get("PATH", ""))]
    return [
        Check("engine", "claude", partial(_claude, known, settings)),
        *(Check("engine", name, partial(_agent, name, known, settings)) for name in others),
    ]


def _specs(environ: Mapping[str, str], settings: Settings) -> Verdict:
    words = shlex.split(settings.spec_command)
    # It runs in the factory's own folder, where a path that is relative to this one leads nowhere.
    named = bool(words) and ("/" not in words[0] or Path(words[0]).is_absolute())
    program = shutil.which(words[0], path=environ.get("PATH", "")) if named else None
    return host.specs(settings.spec_command, program, settings.spec_model, key=bool(environ.get(MODEL_KEY)))


def _claude(environ: Mapping[str, str], settings: Settings) -> Verdict:
    found, missing = claude_code.find(environ), engines.lacking("claude", environ, settings.engine_keys)
    if found is None or missing:
        return host.engine_lacks(missing)
    return host.engine("Claude Code", str(found.binary), found.version or _version(str(found.binary)), _given("claude", environ, settings))


def _agent(name: str, environ: Mapping[str, str], settings: Settings) -> Verdict:
    if missing := engines.lacking(name, environ, settings.engine_keys):
        return host.engine_lacks(missing)
    program = str(shutil.which(name, path=environ.get("PATH", "")))
    return host.engine(name, program, _version(program), _given(name, environ, settings))


def _given(name: str, environ: Mapping[str, str], settings: Settings) -> list[str]:
    return list(credential(name, environ, settings.engine_keys))


def _version(program: str) -> str:
    """What it says of itself; empty where it says nothing."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, check=False, timeout=_PROGRAM_SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout[:_OUTPUT_BYTES].decode(errors="replace").strip()


def _isolation(settings: Settings) -> Verdict:
    with _trial_folder() as folder:
        try:
            site = ProcessHost(
                folder / "workers", "doctor", Path(sys.executable), settings.isolation, SystemClock(), network=settings.network == "host"
            )
            grade, way = site.isolation, site.way
        except HostUnavailable as error:
            return fail(str(error), "apt install bubblewrap, or --set isolation=auto")
    return host.isolation(
        grade,
        way,
        asked_for=settings.isolation == "unconfined",
        linux=sys.platform == "linux",
        bubblewrap=shutil.which("bwrap") is not None,
        root=os.geteuid() == 0,
        remote=bool(settings.worker_listen),
    )


def _speaks_of_network(settings: Settings) -> bool:
    return settings.network != "host" or bool(_conflict(settings))


def _conflict(settings: Settings) -> str:
    return conflict(
        settings, isolation=settings.isolation, worker_host=settings.worker_host, docker_network=settings.docker_network
    )  # fmt: skip


def _way_out(environ: Mapping[str, str], settings: Settings) -> Verdict:
    rules, logins = [parse_rule(text) for text in settings.egress_allow], _given("claude", environ, settings)
    return way_out(settings.network, _conflict(settings), rules, settings.caps, logins)


@contextmanager
def _trial_folder() -> Iterator[Path]:
    """Not in the data folder: looking must not make one."""
    folder = fresh_folder("factory-doctor-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stale(paths: Paths) -> list[Check]:
    server = EmbeddedServer(paths.postgres)
    return [
        Check("left over", "run records", partial(folders.run_records, paths), partial(folders.remove_run_records, paths)),
        Check("left over", "sockets", partial(folders.stale_sockets, paths), partial(folders.remove_stale_sockets, paths)),
        Check("left over", "workers", partial(folders.worker_folders, paths)),
        Check("left over", "database", lambda: folders.postmaster(paths, server.postmaster_pid())),
    ]


def _packages() -> Verdict:
    return host.packages(importlib.metadata.packages_distributions().get("factory", ()))

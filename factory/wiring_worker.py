"""A machine of remote workers, from its folder and what it has: the composition root of `factory-worker`."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from factory.clock import SystemClock
from factory.config import load
from factory.domain.engine_keys import KEYS
from factory.integrations import claude_code
from factory.integrations.process_host import ProcessHost
from factory.integrations.process_host_choice import Choice
from factory.integrations.source_cache import SourceCache
from factory.ports import WorkerHost
from factory.protocol.host import Facts
from factory.transport.host_line import Door
from factory.version import VERSION
from factory.wiring_docker import docker_host
from factory.worker_host.daemon import Daemon
from factory.worker_host.home import Home, Identity
from factory.worker_host.orders import Hands
from factory.worker_host.relay import Relay

_MIB = 1024 * 1024
_CLAUDE = "claude"
_OWN_PROGRAM = "command"


def facts(host: WorkerHost, capacity: int, programs: tuple[Path, ...] | None) -> Facts:
    """What this machine can do. An engine whose program is not on it is none of its engines; containers have their own."""
    engines = [name for name in (*KEYS, _OWN_PROGRAM) if name != _CLAUDE or programs != ()]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = psutil.virtual_memory().total // _MIB
    return Facts(tuple(sorted(set(engines))), cores, memory, capacity or max(cores // 2, 1), host.isolation.value, VERSION)


def worker_host(home: Home, name: str, kind: str, isolation: Choice) -> WorkerHost:
    """Where workers of this machine run.

    Raises:
        HostUnavailable: it is a Docker engine that is not there, or has no image of workers.
        InvalidInput: its settings are wrong; they are those of a factory, from the environment or a factory.toml in the host's folder.
    """
    if kind == "process":
        return ProcessHost(home.workers, name, Path(sys.executable), isolation, SystemClock())
    host = docker_host(load(os.environ, home.data), name, SystemClock())
    host.ready()
    return host


def programs_for(kind: str, environ: Mapping[str, str]) -> tuple[Path, ...] | None:
    """Programs of this machine that engines run; None where workers bring their own."""
    if kind != "process":
        return None
    found = claude_code.find(environ)
    return tuple(dict.fromkeys((found.binary, found.binary.resolve()))) if found else ()


def daemon(home: Home, host: WorkerHost, told: Facts, programs: tuple[Path, ...] | None, leaves: Callable[[], bool]) -> Daemon:
    """Of the machine that has joined."""
    identity = home.identity()
    hands = Hands(home, host, SourceCache(home.sources), programs or ())
    return Daemon(home, Door(identity.endpoint, identity.server_key), told, hands, SystemClock(), leaves)


def relay(home: Home, identity: Identity) -> Relay:
    """The way of agents to the factory."""
    address = urlsplit(identity.endpoint)
    return Relay(home.socket, address.hostname or "", address.port or 0)

"""What every process of one factory knows, and what most of its actors are built from."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from factory.clock import SystemClock
from factory.config import Settings
from factory.domain.lease import LeaseTerms
from factory.integrations.process_host import ProcessHost
from factory.integrations.process_host_choice import Choice
from factory.paths import Paths
from factory.protocol.limiter_mail import NewSettings
from factory.storage.database import Database
from factory.storage.embedded import EmbeddedServer
from factory.storage.ownership import owning, session_name
from factory.transport.mailbox_link import MailboxClient
from factory.wiring_docker import docker_host
from factory.worker_ports import Meter, WorkerHost


@dataclass(frozen=True, slots=True)
class Site:
    """What every process of one factory knows. Travels to each of them through a pipe.

    Attributes:
        isolation: the way in which workers are kept from this machine, found out once by the root.
        log_file: where all processes write their log lines.
        news: what became of the last try to change the settings.
        credential: of the engine that a worker runs; only that worker's process has it.
        lacking: engine → what keeps this factory from working with it, one sentence with the mend.
    """

    settings: Settings
    paths: Paths
    instance: str
    isolation: Choice
    grade: str
    log_file: Path
    credential: Mapping[str, str] = field(default_factory=dict, repr=False)
    lacking: Mapping[str, str] = field(default_factory=dict)
    news: NewSettings | None = None

    @property
    def terms(self) -> LeaseTerms:
        return LeaseTerms(self.settings.heartbeat, self.settings.start_timeout, self.settings.stalled_after)

    @property
    def endpoint(self) -> str:
        return f"ipc://{self.paths.link}/gateway.sock"

    @property
    def gateway_key(self) -> Path:
        return self.paths.data / "gateway.key"

    @property
    def egress_key(self) -> Path:
        return self.paths.data / "egress.key"

    @property
    def egress_socket(self) -> Path:
        """In a folder of its own: what only checks a result is let out, and has no business with the gateway."""
        return self.paths.link / "out" / "egress.sock"


class Shared:
    """What most builders use, made at first use."""

    def __init__(self, site: Site, name: str) -> None:
        self._site, self._name = site, name
        self.clock = SystemClock()
        self.mailbox = MailboxClient(site.paths.run)

    @property
    def common(self) -> dict[str, Any]:
        return {"mailbox": self.mailbox, "clock": self.clock}

    def database(self, purpose: str = "") -> Database:
        """A connection of its own for each caller: a database object belongs to one thread."""
        return Database(dsn(self._site), f"factory {self._name} {purpose}".strip())

    def sole_database(self) -> Database:
        """The connection of the one who may change work items: it lasts as long as no other factory works on the database."""
        instance = self._site.instance
        return Database(dsn(self._site), session_name(f"factory {self._name}", instance), on_connect=owning(instance))

    def readiness(self) -> Callable[[], object]:
        """Raises `HostUnavailable` where workers cannot be made although those there are can be looked after."""
        settings = self._site.settings
        return docker_host(settings, self._site.instance, self.clock).ready if settings.worker_host == "docker" else lambda: None

    def meter(self) -> Meter | None:
        """What counts the use of workers on this machine; None where nothing does."""
        site = self._site
        return docker_host(site.settings, site.instance, self.clock) if site.settings.worker_host == "docker" else None

    def host(self) -> WorkerHost:
        site = self._site
        if site.settings.worker_host == "docker":
            return docker_host(site.settings, site.instance, self.clock)
        python = Path(sys.executable)
        network = site.settings.network == "host"
        return ProcessHost(site.paths.workers, site.instance, python, site.isolation, self.clock, network=network, proven=True)


def dsn(site: Site) -> str:
    """Where the database is."""
    return site.settings.database_url or EmbeddedServer(site.paths.postgres).dsn

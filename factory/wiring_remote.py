"""Remote workers, from the settings of the factory that they work for. A part of the composition root."""

import resource
import socket
from pathlib import Path
from typing import Any, NamedTuple

from actors.background import Background
from actors.gateway import Gateway
from actors.host_enrolment import Doors
from actors.hosts import HostsActor
from factory.config import Settings
from factory.domain.hosts import LOCAL
from factory.errors import InvalidInput
from factory.integrations.git_mirror import Mirrors
from factory.integrations.git_parcels import GitParcels
from factory.integrations.remote_host import EveryHost, RemoteHost
from factory.parcels import Arrivals
from factory.storage.hosts import HostRows
from factory.transport.curve import KeyPair
from factory.transport.enrol_desk import EnrolDesk
from factory.transport.mailbox_link import MailboxClient
from factory.transport.worker_link import WorkerLink
from factory.wiring_site import Shared, Site
from factory.worker_ports import Meter, WorkerHost

GATEWAY_FILES = 8_192
"""Files that the gateway may have open: of each worker one for its connection and two for the way to its actor, and idle connections must
not keep the workers out."""

_PACKERS = 2


class _Listening(NamedTuple):
    """Where remote workers are heard, and where machines enrol."""

    address: str
    port: int

    @property
    def link(self) -> str:
        return f"tcp://{self.address}:{self.port}"

    @property
    def enrolment(self) -> str:
        return f"tcp://{self.address}:{self.port + 1}"


def check_remote(settings: Settings) -> None:
    """Raises `InvalidInput` where the settings cannot hold together."""
    if not settings.worker_listen and settings.max_workers == 0:
        raise InvalidInput("max_workers is 0, and no other machine may work for this factory: set worker_listen, or at least one worker.")


def gateway(site: Site, common: dict[str, Any], link: WorkerLink, keys: KeyPair) -> Gateway:
    """With the desk for machines that enrol, where remote workers are set."""
    found = _listening(site.settings)
    desk = EnrolDesk(found.enrolment, keys, link.admission) if found else None
    return Gateway(**common, link=link, heartbeat=site.settings.heartbeat, enrolment=desk)


def listening(settings: Settings) -> str:
    """The address of the link for remote workers; empty where there are none."""
    found = _listening(settings)
    if found is None:
        return ""
    # Not where nobody comes from outside: the limit that a factory was started with is nobody's concern then.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < GATEWAY_FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(GATEWAY_FILES, hard), hard))
    return found.link


def build_hosts(site: Site, shared: Shared, _: bytes) -> HostsActor:
    """The actor that knows the hosts."""
    found = _listening(site.settings)
    if found is None:
        raise InvalidInput("No hosts are to be known: worker_listen is not set.")
    called = site.settings.worker_address or socket.gethostname()
    doors = Doors(KeyPair.load(site.gateway_key).public, f"tcp://{called}:{found.port + 1}", found.port)
    return HostsActor(
        **shared.common,
        store=HostRows(shared.database()),
        sources=GitParcels(Mirrors(site.paths.mirrors), spool(site) / "out", shared.clock),
        arrivals=Arrivals(spool(site) / "in"),
        background=Background(_PACKERS),
        doors=doors,
        heartbeat=site.settings.heartbeat,
    )


def spool(site: Site) -> Path:
    """Files on their way to hosts and from them."""
    return site.paths.data / "parcels"


def host_of(site: Site, here: WorkerHost, name: str) -> WorkerHost:
    """The host of one worker."""
    return here if name in {"", LOCAL} else RemoteHost(name, lambda: MailboxClient(site.paths.run), alone=site.settings.network != "host")


def meter_of(site: Site, shared: Shared, name: str) -> Meter | None:
    """What counts the use of one worker; None where nothing does."""
    return shared.meter() if name in {"", LOCAL} else RemoteHost(name, lambda: MailboxClient(site.paths.run))


def every_host(site: Site, here: WorkerHost) -> WorkerHost:
    """All hosts, for whoever looks after workers wherever they are."""
    return EveryHost(here, lambda: MailboxClient(site.paths.run)) if site.settings.worker_listen else here


def _listening(settings: Settings) -> _Listening | None:
    if not settings.worker_listen:
        return None
    address, _, port = settings.worker_listen.removeprefix("tcp://").rpartition(":")
    return _Listening(address, int(port))

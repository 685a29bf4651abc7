"""Mail about the hosts of remote workers. It is part of the inboxes in `mailbox`."""

from typing import Literal

import msgspec

from factory.protocol.host import Source, Trouble, Verb, WorkerCounts, WorkerState
from factory.protocol.mail import Mail

# -- gateway ⇄ hosts --------------------------------------------------------------------------------------------------


class HostKey(msgspec.Struct, frozen=True):
    """A key (Z85) of a host, good for `expires_in` seconds more."""

    key: str
    host: str
    expires_in: float


class HostKeys(Mail, frozen=True, tag="host_keys"):
    """Hosts → gateway, on each change and each beat: all keys of hosts that are good. Any other is worth nothing from now on."""

    keys: tuple[HostKey, ...]


class HostInbound(Mail, frozen=True, tag="host_inbound"):
    """Gateway → hosts: an encoded `host.FromHost` of the host that `key` belongs to. `route`: the connection it came by."""

    host: str
    key: str
    route: bytes
    frame: bytes


class HostOutbound(Mail, frozen=True, tag="host_outbound"):
    """Hosts → gateway: hand this encoded `host.ToHost` to the connection, if it still is this host's.

    Attributes:
        asks: pieces of files that the host is asked for by it, and may therefore send.
    """

    host: str
    route: bytes
    frame: bytes
    asks: int = 0


class JoinAsked(Mail, frozen=True, tag="join_asked"):
    """Gateway → hosts: an encoded `host.Join` from a connection with this key (Z85), which nobody knows yet."""

    key: str
    route: bytes
    frame: bytes


class JoinAnswer(Mail, frozen=True, tag="join_answer"):
    """Hosts → gateway: an encoded `host.ToJoiner` for the connection that asked."""

    route: bytes
    frame: bytes


# -- those who use hosts ----------------------------------------------------------------------------------------------


class HostCall(Mail, frozen=True, tag="host_call"):
    """Anyone → hosts (ask: HostAnswer): one call of `WorkerHost`. Asked again with the same `id` until the answer is not `pending`.

    Attributes:
        source: what the worker clones from; the host asks for it by itself.
        alone: the worker has no network.
    """

    host: str
    id: str
    verb: Verb
    worker: str
    arguments: tuple[str, ...] = ()
    files: dict[str, bytes] = msgspec.field(default_factory=dict)
    environment: tuple[tuple[str, str], ...] = ()
    readable: tuple[str, ...] = ()
    source: Source | None = None
    grace: float = 0.0
    file: str = ""
    limit: int = 0
    alone: bool = False


class HostLook(Mail, frozen=True, tag="host_look"):
    """Anyone → hosts (ask: HostAnswer): how a worker is. `host` empty: on whichever host the queue has noted for it."""

    worker: str
    host: str = ""


class HostAnswer(Mail, frozen=True, tag="host_answer"):
    """Hosts → whoever asked.

    `pending`: ask again. `away`: the host cannot be reached now, and nothing is known. `done`: `state`, or the `trouble` and its sentence;
    `full` where that is a full disk.
    What collect brought lies at `path`, for whoever asked to check and to take away.
    """

    result: Literal["pending", "away", "done"]
    state: WorkerState | None = None
    trouble: Trouble = ""
    reason: str = ""
    size: int = 0
    sha256: str = ""
    path: str = ""
    host: str = ""
    """Where the worker is meant to be; of an answer to HostLook."""
    full: bool = False
    counts: WorkerCounts | None = None
    """Of an answer to HostLook, where its host can read them."""


class HostList(Mail, frozen=True, tag="host_list"):
    """Anyone → hosts (ask: Hosts): what is known of all hosts that may be used."""


class HostSeen(msgspec.Struct, frozen=True):
    """A host as its session has it. `here`: it was heard within a lease. `alone`: engines that work there without a network.

    `full`: its disk is, nearly.
    """

    name: str
    here: bool
    draining: bool
    capacity: int
    engines: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    isolation: str = ""
    workers: tuple[WorkerState, ...] = ()
    alone: tuple[str, ...] = ()
    full: bool = False


class Hosts(Mail, frozen=True, tag="hosts"):
    """Hosts → whoever asked. `age`: seconds for which its actor has been there, to which all hosts must come back first."""

    hosts: tuple[HostSeen, ...]
    age: float = float("inf")

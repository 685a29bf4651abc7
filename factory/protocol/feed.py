"""The live state for observers: one snapshot, then numbered deltas. PROTOCOL.md section 4 has the client's rules."""

from typing import Any, Literal

import msgspec

Kind = Literal["item", "worker", "limit", "event", "lock", "pull_request", "outbox", "node", "about", "beat"]


class Delta(msgspec.Struct, frozen=True, tag="delta"):
    """The newest state of one entity; older states of the same entity that were not yet sent are dropped before the socket.

    Attributes:
        boot: the feed's incarnation; another one means: take a new snapshot.
        seq: one higher than the delta before; a gap means the same.
        data: the entity's row, JSON-ready; None where it is gone. A `beat`, sent each heartbeat, says how many deltas were `dropped`.
        at: when it was sent, in seconds since 1970 on the factory's clock.
    """

    boot: str
    seq: int
    kind: Kind
    id: str = ""
    version: int = 0
    data: Any = None
    at: float = 0.0


class Subscribe(msgspec.Struct, frozen=True, tag_field="t", tag="snapshot"):
    """Asks for a snapshot."""


class Watch(msgspec.Struct, frozen=True, tag_field="t", tag="watch"):
    """Over TCP: send deltas on this connection for the next three heartbeats. On this machine they are to be had without a word."""


class Snapshot(msgspec.Struct, frozen=True, tag="state"):
    """Everything as of `seq`: apply buffered deltas with a higher number only.

    Attributes:
        locks, pull_requests, outbox, nodes: rows with an `id`, the same by which deltas name them. `nodes` are the processes of the tree.
        about: what the factory says of itself: instance, version, isolation, data, heartbeat, stalled_after (seconds), and more.
        at: when it was made, in seconds since 1970 on the factory's clock.
        dropped: deltas that never left the factory.
    """

    boot: str
    seq: int
    items: list[dict[str, Any]]
    workers: list[dict[str, Any]]
    limits: dict[str, Any]
    locks: list[dict[str, Any]] = []
    pull_requests: list[dict[str, Any]] = []
    outbox: list[dict[str, Any]] = []
    nodes: list[dict[str, Any]] = []
    about: dict[str, Any] = {}
    at: float = 0.0
    dropped: int = 0

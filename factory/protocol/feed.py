"""The live state for observers: one snapshot, then numbered deltas. PROTOCOL.md section 4 has the client's rules."""

from typing import Any, Literal

import msgspec

Kind = Literal["item", "worker", "limit", "event", "beat"]


class Delta(msgspec.Struct, frozen=True, tag="delta"):
    """The newest state of one entity; older states of the same entity that were not yet sent are dropped before the socket.

    Attributes:
        boot: the feed's incarnation; another one means: take a new snapshot.
        seq: one higher than the delta before; a gap means the same.
        data: the entity's row, JSON-ready; None where it is gone. A `beat` has none and is sent each heartbeat.
    """

    boot: str
    seq: int
    kind: Kind
    id: str = ""
    version: int = 0
    data: Any = None


class Subscribe(msgspec.Struct, frozen=True, tag="snapshot"):
    """Asks for a snapshot."""


class Snapshot(msgspec.Struct, frozen=True, tag="state"):
    """Everything as of `seq`: apply buffered deltas with a higher number only."""

    boot: str
    seq: int
    items: list[dict[str, Any]]
    workers: list[dict[str, Any]]
    limits: dict[str, Any]

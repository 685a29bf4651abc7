"""The feed on the wire: where its sockets are, and a snapshot in as many frames as it needs.

A snapshot of a large factory is larger than `MAX_FRAME`, the bound of everything else that travels.
"""

from pathlib import Path

import msgspec

from factory.protocol.codec import MAX_FRAME, BadMessage
from factory.protocol.feed import Snapshot

MAX_SNAPSHOT = 64 * MAX_FRAME
"""Bytes: a hundred thousand items; and a bound on what an observer takes into memory."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Snapshot)


def deltas_path(run_dir: Path) -> Path:
    return run_dir / "feed.sock"


def snapshots_path(run_dir: Path) -> Path:
    return run_dir / "snapshot.sock"


def encode_snapshot(snapshot: Snapshot) -> list[bytes]:
    """The snapshot's frames, in order. Raises `BadMessage` beyond `MAX_SNAPSHOT`."""
    whole = _encoder.encode(snapshot)
    if len(whole) > MAX_SNAPSHOT:
        raise BadMessage(f"a snapshot of {len(whole)} bytes, the wire takes {MAX_SNAPSHOT}")
    return [whole[start : start + MAX_FRAME] for start in range(0, len(whole), MAX_FRAME)]


def decode_snapshot(whole: bytes) -> Snapshot:
    try:
        return _decoder.decode(whole)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"not a snapshot: {error}") from error

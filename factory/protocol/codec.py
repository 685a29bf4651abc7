"""msgpack with a schema: bytes from outside become a typed value or a `BadMessage`, never anything else."""

from typing import Any, Generic, TypeVar

import msgspec

MAX_FRAME = 1_048_576
"""Bytes in one frame: what the gateway's socket lets through, and far more than any control message needs."""

T = TypeVar("T")


class _Versioned(msgspec.Struct):
    v: str = ""


_encoder = msgspec.msgpack.Encoder()
_versioned = msgspec.msgpack.Decoder(_Versioned)


class BadMessage(ValueError):
    """The bytes are not a message of the expected kind."""


def encode(message: object) -> bytes:
    """One frame. Raises `BadMessage` if it would be larger than the wire allows."""
    frame = _encoder.encode(message)
    if len(frame) > MAX_FRAME:
        msg = f"{type(message).__name__} is {len(frame)} bytes, the wire takes {MAX_FRAME}"
        raise BadMessage(msg)
    return frame


class Decoder(Generic[T]):
    """Decodes frames of one kind (a struct or a union of tagged structs)."""

    __slots__ = ("_decoder",)

    def __init__(self, kind: Any) -> None:  # noqa: ANN401 - a union of types has no static type of its own
        self._decoder = msgspec.msgpack.Decoder(kind)

    def __call__(self, frame: bytes) -> T:
        if len(frame) > MAX_FRAME:
            msg = f"a frame of {len(frame)} bytes, the wire takes {MAX_FRAME}"
            raise BadMessage(msg)
        try:
            decoded: T = self._decoder.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            msg = f"not a message of this protocol: {error}"
            raise BadMessage(msg) from error
        return decoded


def version_of(frame: bytes) -> str:
    """The version that a message says which cannot be understood otherwise; empty where it says none."""
    try:
        return _versioned.decode(frame).v
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""

"""What travels between an operator elsewhere and the factory: always one frame a message.

A connection that breaks between two frames of one message makes zmq abort the process that reads them. So what an answer has in several
parts goes in several messages.

    request number (8 bytes, zero: wants no answer, or is none)   1 byte: 1 where more parts follow, else 0   payload
"""

from typing import NamedTuple

NUMBER_BYTES = 8
HEAD_BYTES = NUMBER_BYTES + 1

NO_NUMBER = b"\0" * NUMBER_BYTES


class Part(NamedTuple):
    """A message, taken apart."""

    number: bytes
    more: bool
    payload: bytes


def sealed(number: bytes, payload: bytes, *, more: bool = False) -> bytes:
    return number + (b"\1" if more else b"\0") + payload


def opened(frame: bytes) -> Part | None:
    """None where it is none."""
    if len(frame) < HEAD_BYTES or frame[NUMBER_BYTES] > 1:
        return None
    return Part(frame[:NUMBER_BYTES], frame[NUMBER_BYTES] == 1, frame[HEAD_BYTES:])

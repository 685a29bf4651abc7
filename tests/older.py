"""Peers of version 1.0: today's, but for the wire, on which they say and understand what the frozen codec of that version does.

`python -m tests.older run ...` is `factory-worker run ...` of such a machine.
"""

from collections.abc import Callable

import msgspec

from factory import worker_cli
from factory.protocol.host_mail import HostInbound, HostOutbound, JoinAnswer, JoinAsked
from factory.transport import host_line
from factory.transport.host_line import HostLine
from factory.worker_host import daemon
from tests.data.wire_1_0 import host as wire

_OF_HOST = msgspec.msgpack.Decoder(wire.FromHost | wire.Join)
_OF_FACTORY = msgspec.msgpack.Decoder(wire.ToHost | wire.Joined | wire.JoinRefused)


def host_word(frame: bytes) -> bytes:
    """What a host of 1.0 says in place of this, and what a factory of 1.0 reads in it. Raises `msgspec.DecodeError` for any other word."""
    return _said(_OF_HOST.decode(frame))


def factory_word(frame: bytes) -> bytes:
    """The same of a factory's word."""
    return _said(_OF_FACTORY.decode(frame))


def _said(message: msgspec.Struct) -> bytes:
    told = msgspec.structs.replace(message, v=wire.VERSION) if hasattr(message, "v") else message
    return msgspec.msgpack.encode(told)


class OlderLine(HostLine):
    """A host's connection, on which both directions are of 1.0."""

    def send(self, frame: bytes) -> bool:
        return super().send(host_word(frame))

    def receive(self) -> bytes | None:
        frame = super().receive()
        return factory_word(frame) if frame else frame


def older_factory(mail: object) -> object:
    """Mail between a factory's gateway and its actor of hosts, of which both know 1.0 only."""
    words: dict[type, Callable[[bytes], bytes]] = {
        HostInbound: host_word, JoinAsked: host_word, HostOutbound: factory_word, JoinAnswer: factory_word,
    }  # fmt: skip
    if isinstance(mail, HostInbound | JoinAsked | HostOutbound | JoinAnswer):
        return msgspec.structs.replace(mail, frame=words[type(mail)](mail.frame))
    return mail


if __name__ == "__main__":
    for module in (daemon, host_line):
        vars(module)["HostLine"] = OlderLine
    worker_cli.main()

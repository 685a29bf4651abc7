"""What the gateway does with hosts of remote workers: it knows them by their keys, bounds them, and hands on."""

from actors.gateway import HOST_BURST, HOST_BURST_BYTES
from factory.protocol.host_mail import HostInbound, HostKey, HostKeys
from factory.transport.host_keys import HostKeyring
from factory.transport.worker_link import Received
from tests.actors.test_gateway import Gate


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def from_host(frame: bytes = b"x") -> Received:
    return Received("", frame, "anvil", "k" * 40, b"route")


def test_what_a_host_says_goes_to_the_actor_of_hosts():
    gate = Gate()
    gate.link.received = [from_host()]

    gate.actor.on_ready(gate.link)  # type: ignore[arg-type]

    assert [mail for _, mail in gate.mail.told if isinstance(mail, HostInbound)] == [HostInbound("anvil", "k" * 40, b"route", b"x")]


def test_a_host_that_floods_is_bounded():
    gate = Gate()
    gate.link.received = [from_host() for _ in range(HOST_BURST + 50)]

    gate.actor.on_ready(gate.link)  # type: ignore[arg-type]

    assert sum(isinstance(mail, HostInbound) for _, mail in gate.mail.told) == HOST_BURST
    assert gate.actor.dropped["host anvil"] == 50


def test_a_host_that_floods_with_large_messages_is_bounded_in_bytes():
    gate = Gate()
    large = b"x" * (1024 * 1024 - 1024)
    gate.link.received = [from_host(large) for _ in range(HOST_BURST // 2)]

    gate.actor.on_ready(gate.link)  # type: ignore[arg-type]

    passed = sum(len(mail.frame) for _, mail in gate.mail.told if isinstance(mail, HostInbound))
    assert HOST_BURST_BYTES - len(large) < passed <= HOST_BURST_BYTES


def test_keys_are_as_the_actor_of_hosts_said_last():
    clock = Clock()
    ring = HostKeyring(clock)
    ring.replace(HostKeys((HostKey("a", "anvil", 10.0), HostKey("b", "anvil", 10.0))).keys)
    assert (ring.host("a"), ring.host("b"), ring.worker("a"), ring.host("c")) == ("anvil", "anvil", "host:anvil", None)

    ring.replace([HostKey("b", "anvil", 10.0)])
    assert (ring.host("a"), ring.host("b"), ring.knows("anvil")) == (None, "anvil", True)

    clock.now = 10.0
    assert (ring.host("b"), ring.knows("anvil")) == (None, False)

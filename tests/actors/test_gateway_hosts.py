"""What the gateway does with hosts of remote workers: it knows them by their keys, bounds them, and hands on."""

from actors.gateway_shares import HOST_BURST, HOST_BURST_BYTES, MOST_GRANTED
from factory.domain.chunks import CHUNK_BYTES, CREDIT_CHUNKS, MOST_ASKED
from factory.protocol.host_mail import HostInbound, HostKey, HostKeys, HostOutbound
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


def passed(gate: Gate) -> int:
    """Bytes that the actor of hosts was handed."""
    return sum(len(mail.frame) for _, mail in gate.mail.told if isinstance(mail, HostInbound))


def test_a_host_that_floods_with_large_messages_is_bounded_in_bytes() -> None:
    gate = Gate()
    large = b"x" * (1024 * 1024 - 1024)
    gate.link.received = [from_host(large) for _ in range(HOST_BURST // 2)]

    gate.actor.on_ready(gate.link)  # type: ignore[arg-type]

    assert HOST_BURST_BYTES - len(large) < passed(gate) <= HOST_BURST_BYTES


PIECE = b"x" * CHUNK_BYTES


def pieces(gate: Gate, asked: int, sent: int) -> int:
    """How many pass of those that a host sends, of which it was asked for some; in one moment, whatever the time is."""
    before = passed(gate)
    if asked:
        gate.actor.on_mail(HostOutbound("anvil", b"route", b"get", asked))
    gate.link.received = [from_host(PIECE) for _ in range(sent)]
    gate.actor.on_ready(gate.link)  # type: ignore[arg-type]
    return (passed(gate) - before) // len(PIECE)


def test_what_a_host_was_asked_for_passes_however_fast_it_comes() -> None:
    gate = Gate()

    assert [pieces(gate, CREDIT_CHUNKS, CREDIT_CHUNKS) for _ in range(4)] == [CREDIT_CHUNKS] * 4
    assert not gate.actor.dropped


def test_many_small_files_that_were_asked_for_pass_too() -> None:
    gate, small = Gate(), b"x" * 1_000
    for _ in range(HOST_BURST + 500):
        gate.actor.on_mail(HostOutbound("anvil", b"route", b"get", 1))
    gate.link.received = [from_host(small) for _ in range(HOST_BURST + 500)]

    gate.actor.on_ready(gate.link)  # type: ignore[arg-type]

    assert not gate.actor.dropped


def test_pieces_that_nobody_asked_for_are_dropped() -> None:
    gate = Gate()
    unasked = HOST_BURST_BYTES // len(PIECE)

    assert pieces(gate, 0, HOST_BURST // 2) == unasked
    assert pieces(gate, MOST_ASKED, HOST_BURST // 2) == MOST_ASKED
    assert gate.actor.dropped["host anvil"] == HOST_BURST - unasked - MOST_ASKED


def test_a_host_that_sends_nothing_of_what_it_is_asked_for_cannot_save_it_up() -> None:
    gate = Gate()
    for _ in range(100):
        gate.actor.on_mail(HostOutbound("anvil", b"route", b"get", CREDIT_CHUNKS))

    assert pieces(gate, 0, HOST_BURST // 2) * len(PIECE) <= MOST_GRANTED + HOST_BURST_BYTES


def test_an_ask_that_did_not_reach_the_host_lets_it_send_nothing() -> None:
    gate = Gate()
    gate.link.hosts_are_here = False
    unasked = HOST_BURST_BYTES // len(PIECE)

    assert pieces(gate, MOST_ASKED, HOST_BURST // 2) == unasked


def test_an_ask_is_worth_nothing_to_another_host() -> None:
    gate = Gate()
    gate.actor.on_mail(HostOutbound("bellows", b"other", b"get", MOST_ASKED))

    assert pieces(gate, 0, HOST_BURST // 2) == HOST_BURST_BYTES // len(PIECE)


def test_keys_are_as_the_actor_of_hosts_said_last():
    clock = Clock()
    ring = HostKeyring(clock)
    ring.replace(HostKeys((HostKey("a", "anvil", 10.0), HostKey("b", "anvil", 10.0))).keys)
    assert (ring.host("a"), ring.host("b"), ring.worker("a"), ring.host("c")) == ("anvil", "anvil", "host:anvil", None)

    ring.replace([HostKey("b", "anvil", 10.0)])
    assert (ring.host("a"), ring.host("b"), ring.knows("anvil")) == (None, "anvil", True)

    clock.now = 10.0
    assert (ring.host("b"), ring.knows("anvil")) == (None, False)

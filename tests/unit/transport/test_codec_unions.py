"""msgspec looks at a union only when a decoder is made of it: a tag used twice would show when an actor starts."""

import pytest

from factory.protocol import commands, mailbox, worker
from factory.protocol.codec import Decoder, encode

INBOXES = [name for name in dir(mailbox) if name.endswith("Mail") and name != "Mail"] + ["Answers"]


@pytest.mark.parametrize("name", INBOXES)
def test_every_inbox_has_a_decoder(name):
    Decoder(getattr(mailbox, name))


def test_an_operators_command_is_mail_for_the_queue():
    steer = commands.Steer("c1", "kill", "item", "me")

    assert Decoder(mailbox.QueueMail)(encode(steer)) == steer


def test_what_an_agent_says_comes_back_typed():
    ping = worker.Envelope("item", 1, worker.Ping("running", progress=3))

    assert Decoder(worker.Envelope)(encode(ping)) == ping

"""What a factory that does not keep something means for the attempt."""

from factory.protocol.worker import Ack, Event
from tests.unit.worker_agent.peer import welcomed


def test_an_event_that_is_not_kept_is_not_repeated_and_disturbs_nobody() -> None:
    talk = welcomed()
    talk.say(Event(0, "ATTEMPT.X.Y"))

    talk.hear(Ack(1, "refused", "the event is too large"))

    assert (talk.delivered, talk.session.settled) == ([], True)

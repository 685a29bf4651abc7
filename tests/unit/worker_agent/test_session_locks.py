"""The session's locks: asked for until they are answered, and never believed without a fresh sign of the factory."""

from factory.protocol.worker import (
    Ack,
    Lock,
    LockAnswer,
    Pong,
    Unlock,
)
from tests.unit.worker_agent.peer import welcomed


def test_a_lock_is_asked_for_again_until_it_is_answered_and_an_ack_is_no_answer() -> None:
    talk = welcomed()
    talk.hear(Pong("continue", 15.0))
    talk.say(Lock("l1", ("a.py",)))

    talk.hear(Ack(1, "ok"))
    talk.wait(1)
    assert len(talk.bodies(Lock)) == 2

    answer = LockAnswer("l1", granted=True)
    talk.hear(answer)
    talk.hear(answer)
    assert talk.delivered == [answer]
    assert talk.session.settled


def test_without_a_fresh_pong_no_lock_is_granted() -> None:
    talk = welcomed()
    talk.hear(Pong("continue", 15.0))
    talk.wait(2.6)
    talk.take()

    talk.say(Lock("l1", ("a.py",)))

    (answer,) = talk.delivered
    assert isinstance(answer, LockAnswer)
    assert (answer.id, answer.granted) == ("l1", False)
    assert talk.bodies(Lock) == []


def test_a_refused_lock_is_a_lock_that_was_not_granted() -> None:
    talk = welcomed()
    talk.hear(Pong("continue", 15.0))
    talk.say(Lock("l1", ("a.py",)))

    talk.hear(Ack(1, "refused", "too many files"))

    assert talk.delivered == [LockAnswer("l1", granted=False, holders=("too many files",))]


def test_an_unlock_is_repeated_until_it_is_acknowledged() -> None:
    talk = welcomed()
    talk.say(Unlock("u1", ("a.py",)))
    talk.wait(1)
    assert len(talk.bodies(Unlock)) == 2

    talk.hear(Ack(1, "ok"))
    assert talk.session.settled

import threading
from collections.abc import Callable

import pytest

from factory.protocol.worker import Lock, LockAnswer
from factory.transport.agent_link import LinkDown
from worker_agent.lock_desk import NO_ANSWER, OVER, LockDesk

LONG = 30.0


class Factory:
    """Answers each question at once, as it is told to; remembers the questions."""

    def __init__(self, answer: Callable[[Lock], LockAnswer | None]) -> None:
        self.answer = answer
        self.asked: list[tuple[str, ...]] = []
        self.desk = LockDesk(self._send)

    def _send(self, lock: Lock) -> None:
        self.asked.append(lock.files)
        answer = self.answer(lock)
        if answer is not None:
            self.desk.answered(answer)


def grants(lock: Lock) -> LockAnswer:
    return LockAnswer(lock.id, granted=True)


def denies(lock: Lock) -> LockAnswer:
    return LockAnswer(lock.id, granted=False, holders=("a.py: wi-other-1",))


def test_what_is_granted_is_held_and_not_asked_for_again() -> None:
    factory = Factory(grants)

    assert factory.desk.ask(("a.py",), LONG) == ()
    assert factory.desk.ask(("a.py",), LONG) == ()
    assert factory.asked == [("a.py",)]


def test_what_was_locked_with_the_assignment_is_held() -> None:
    factory = Factory(denies)
    factory.desk.hold(("a.py", "b.py"))

    assert factory.desk.ask(("a.py", "b.py"), LONG) == ()
    assert factory.asked == []


def test_who_is_in_the_way_is_named_and_asked_again_the_next_time() -> None:
    factory = Factory(denies)

    assert factory.desk.ask(("a.py",), LONG) == ("a.py: wi-other-1",)
    factory.answer = grants
    assert factory.desk.ask(("a.py",), LONG) == ()


def test_a_refusal_that_names_nobody_is_a_refusal() -> None:
    factory = Factory(lambda lock: LockAnswer(lock.id, granted=False))

    assert factory.desk.ask(("a.py",), LONG)


def test_without_an_answer_in_time_nothing_is_granted() -> None:
    factory = Factory(lambda _lock: None)

    assert factory.desk.ask(("a.py",), 0.0) == (NO_ANSWER,)


def test_an_answer_to_another_question_is_no_answer() -> None:
    factory = Factory(lambda _lock: LockAnswer("another", granted=True))

    assert factory.desk.ask(("a.py",), 0.0) == (NO_ANSWER,)


def test_a_closed_desk_grants_nothing_not_even_what_is_held() -> None:
    factory = Factory(grants)
    factory.desk.hold(("a.py",))

    factory.desk.close()

    assert factory.desk.ask(("a.py",), LONG) == (OVER,)
    assert factory.asked == []


def test_closing_answers_whoever_waits() -> None:
    sent = threading.Event()
    answers: list[tuple[str, ...]] = []
    desk = LockDesk(lambda _lock: sent.set())
    thread = threading.Thread(target=lambda: answers.append(desk.ask(("a.py",), LONG)))
    thread.start()
    assert sent.wait(LONG)

    desk.close()

    thread.join(LONG)
    assert answers == [(OVER,)]


def test_a_link_that_is_down_is_the_callers_to_know() -> None:
    def down(_lock: Lock) -> None:
        raise LinkDown("gone")

    desk = LockDesk(down)

    with pytest.raises(LinkDown):
        desk.ask(("a.py",), LONG)

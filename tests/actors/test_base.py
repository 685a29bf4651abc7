"""Turns of an actor, in its own thread but without a process."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import pykka
import pytest

from actors.base import ActorLeft, FactoryActor, Turn, Turned
from factory.transport.loop import Source
from tests.fakes.clock import ManualClock

_BOUND_SECONDS = 60.0


class Nowhere:
    """A mailbox whose every receiver is away."""

    def tell(self, address: str, mail: object) -> bool:
        return False

    def ask(self, address: str, mail: object, timeout: float) -> object:
        raise AssertionError("asks nobody")


class Descriptor:
    def __init__(self, number: int) -> None:
        self._number = number

    def pollable(self) -> int:
        return self._number


class Recorder(FactoryActor):
    """Writes down what it is given; a mail that is an exception is raised."""

    tick_every = 2.5

    def __init__(self) -> None:
        super().__init__(mailbox=Nowhere(), clock=ManualClock())
        self.given: list[Any] = []
        self.source = Descriptor(os.dup(0))

    def on_mail(self, mail: Any) -> Any | None:
        if isinstance(mail, BaseException):
            raise mail
        self.given.append(mail)
        return f"answer to {mail}"

    def on_ready(self, source: Source) -> None:
        self.given.append(source)

    def on_tick(self) -> None:
        self.given.append("tick")

    def sources(self) -> Sequence[Source]:
        return [self.source]

    def on_stop(self) -> None:
        os.close(self.source.pollable())


class Batches(Recorder):
    def on_batch(self, mails: Sequence[Any]) -> Sequence[Any | None]:
        self.given.append(list(mails))
        return [None] * (len(mails) if "short" not in mails else 0)


@pytest.fixture
def started(request) -> Iterator[FactoryActor]:
    actor: FactoryActor = request.param()
    actor.launch()
    yield actor
    if actor.actor_ref.is_alive():
        actor.actor_ref.stop(timeout=_BOUND_SECONDS)


def take(actor: FactoryActor, turn: Turn) -> Turned:
    turned = actor.actor_ref.ask(turn, block=True, timeout=_BOUND_SECONDS)
    assert isinstance(turned, Turned)
    return turned


recorder = pytest.mark.parametrize("started", [Recorder], indirect=True)
batches = pytest.mark.parametrize("started", [Batches], indirect=True)


@recorder
def test_a_turn_handles_mails_then_sources_then_the_tick_and_answers_each_mail(started: Recorder):
    turned = take(started, Turn(("one", "two"), (started.source,), tick=True))

    assert started.given == ["one", "two", started.source, "tick"]
    assert turned == Turned(("answer to one", "answer to two"), (started.source,), 2.5)


@recorder
def test_an_empty_turn_says_what_to_wait_for(started: Recorder):
    assert take(started, Turn()) == Turned((), (started.source,), 2.5)
    assert started.given == []


@batches
def test_a_batch_is_handed_over_as_one(started: Batches):
    assert take(started, Turn(("one", "two"))).answers == (None, None)
    assert started.given == [["one", "two"]]


@batches
def test_a_batch_without_an_answer_for_each_mail_is_a_fault(started: Batches):
    with pytest.raises(RuntimeError, match="gave 0 answers to 1 mails"):
        take(started, Turn(("short",)))


@recorder
def test_an_exception_reaches_the_one_who_handed_over_the_turn(started: Recorder):
    with pytest.raises(LookupError, match="lost"):
        take(started, Turn((LookupError("lost"),)))


@recorder
@pytest.mark.parametrize("error", [SystemExit(0), KeyboardInterrupt(), GeneratorExit()])
def test_an_actor_that_wants_to_leave_crashes_instead_of_leaving_the_asker_alone(started: Recorder, error: BaseException):
    with pytest.raises(ActorLeft, match="Recorder raised"):
        take(started, Turn((error,)))


class FailsToStart(Recorder):
    def on_start(self) -> None:
        raise LookupError("no such database")


@pytest.mark.parametrize("started", [FailsToStart], indirect=True)
def test_the_reason_of_a_failed_start_is_kept(started: FailsToStart):
    with pytest.raises(pykka.ActorDeadError):
        take(started, Turn())

    assert repr(started.failure) == "LookupError('no such database')"
    started.on_stop()


class TakesNothing(FactoryActor):
    def __init__(self) -> None:
        super().__init__(mailbox=Nowhere(), clock=ManualClock())


@pytest.mark.parametrize("started", [TakesNothing], indirect=True)
def test_an_actor_that_takes_no_mail_says_so(started: TakesNothing):
    with pytest.raises(NotImplementedError, match="TakesNothing takes no mail"):
        take(started, Turn(("one",)))
    with pytest.raises(NotImplementedError, match="does not read"):
        take(started, Turn(ready=(Descriptor(0),)))
    take(started, Turn(tick=True))

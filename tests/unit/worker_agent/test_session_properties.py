from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from factory.protocol.worker import Ack, Event, Reject
from tests.unit.worker_agent.peer import Talk, welcomed


class _Lossy:
    """A factory behind a link that loses, repeats and delays; it stores events as the real one does."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._flying: list[tuple[int, Event]] = []
        self._said = 0
        self.stored: list[str] = []

    def say(self) -> None:
        self._said += 1
        self._talk.say(Event(0, f"E{self._said}"))

    def wait(self) -> None:
        self._talk.wait(1)

    def lose(self) -> None:
        self._collect()
        self._flying.clear()

    def reject(self) -> None:
        self._talk.hear(Reject("unknown_session", ""))
        self._talk.welcome(resume_from=len(self.stored))

    def fall_silent(self) -> None:
        self._talk.wait(7)
        self._talk.welcome(resume_from=0)

    def arrive(self, times: int = 1) -> None:
        self._collect()
        batch, self._flying = self._flying * times, []
        for seq, event in batch:
            # The next number is stored, a repeat only acknowledged, and one after a gap waits for what is missing.
            if event.number == len(self.stored) + 1:
                self.stored.append(event.kind)
            if event.number <= len(self.stored):
                self._talk.hear(Ack(seq, "ok"))

    def repeat(self) -> None:
        self.arrive(times=2)

    def all_said(self) -> list[str]:
        return [f"E{number + 1}" for number in range(self._said)]

    def _collect(self) -> None:
        self._flying += [(e.seq, e.body) for e in self._talk.take() if isinstance(e.body, Event)]


_STEPS: list[Callable[[_Lossy], None]] = [
    _Lossy.say, _Lossy.wait, _Lossy.lose, _Lossy.reject, _Lossy.fall_silent, _Lossy.arrive, _Lossy.repeat,
]  # fmt: skip


@settings(max_examples=200)
@given(st.lists(st.sampled_from(_STEPS), max_size=60))
def test_every_event_is_stored_once_and_in_order_over_any_lossy_link(steps: list[Callable[[_Lossy], None]]) -> None:
    lossy = _Lossy(welcomed())

    for step in [*steps, _Lossy.reject, _Lossy.wait, _Lossy.arrive, _Lossy.wait, _Lossy.arrive]:
        step(lossy)

    assert lossy.stored == lossy.all_said()

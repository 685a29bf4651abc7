"""Whatever the wire loses, repeats or delays: an observer that follows the rules ends with the feed's state."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from factory.protocol.feed import Delta, Kind, Snapshot
from factory.transport.feed_replica import MAX_KEPT, Replica

H = 5.0


def delta(seq: int, boot: str = "b", kind: Kind = "item") -> Delta:
    return Delta(boot, seq, kind, f"i{seq}", seq, {"seq": seq})


def snapshot(seq: int, boot: str = "b") -> Snapshot:
    return Snapshot(boot, seq, [], [], {})


def live(seq: int) -> Replica:
    replica = Replica(H, 0)
    replica.take_snapshot(snapshot(seq), 0)
    return replica


def test_a_new_observer_asks_once_per_heartbeat_until_it_is_answered():
    replica = Replica(H, 0)

    asked = []
    for tenths in range(110):
        if replica.wants_snapshot(tenths / 10):
            replica.asked(tenths / 10)
            asked.append(tenths / 10)

    assert asked == [0, H, 2 * H]


def test_deltas_that_came_before_the_snapshot_follow_it_once():
    replica = Replica(H, 0)
    early = [replica.take_delta(delta(seq), 0) for seq in (3, 4, 5, 6)]

    handed = replica.take_snapshot(snapshot(4), 0)

    assert early == [[], [], [], []]
    assert handed == [snapshot(4), delta(5), delta(6)]
    assert replica.live


def test_repeated_and_late_deltas_are_dropped():
    replica = live(4)

    handed = [replica.take_delta(delta(seq), 0) for seq in (5, 5, 3, 6)]

    assert handed == [[delta(5)], [], [], [delta(6)]]
    assert replica.live


def test_a_gap_needs_a_snapshot_and_what_follows_the_gap_is_kept():
    replica = live(4)

    gap = replica.take_delta(delta(6), 0)

    assert gap == []
    assert replica.wants_snapshot(0)
    assert replica.take_snapshot(snapshot(5), 0) == [snapshot(5), delta(6)]


def test_a_beat_that_is_ahead_shows_that_the_last_deltas_were_lost():
    replica = live(4)

    replica.take_delta(Delta("b", 4, "beat"), 0)
    before = replica.live
    replica.take_delta(Delta("b", 5, "beat"), 0)

    assert before
    assert not replica.live


def test_another_boot_needs_a_snapshot_although_its_number_would_fit():
    replica = live(4)

    handed = replica.take_delta(delta(5, boot="c"), 0)

    assert handed == []
    assert replica.take_snapshot(snapshot(4, "c"), 0) == [snapshot(4, "c"), delta(5, "c")]


def test_deltas_of_an_ended_feed_do_not_undo_the_snapshot_of_the_new_one():
    replica = live(4)
    replica.take_delta(delta(6), 0)
    replica.take_delta(delta(1, "c"), 0)

    handed = replica.take_snapshot(snapshot(0, "c"), 0)

    assert handed == [snapshot(0, "c"), delta(1, "c")]
    assert replica.live


def test_silence_for_three_heartbeats_needs_a_snapshot():
    replica = live(4)

    assert not replica.wants_snapshot(3 * H)
    assert replica.wants_snapshot(3 * H + 0.1)


def test_a_snapshot_that_comes_late_is_dropped():
    replica = live(4)

    assert replica.take_snapshot(snapshot(3), 0) == []
    assert replica.take_delta(delta(5), 0) == [delta(5)]


def test_an_observer_that_gets_no_snapshot_keeps_a_bounded_number_of_deltas():
    replica = Replica(H, 0)
    for seq in range(1, MAX_KEPT + 3):
        replica.take_delta(delta(seq), 0)

    handed = replica.take_snapshot(snapshot(0), 0)

    assert handed == [snapshot(0)]
    assert not replica.live


@dataclass
class Feed:
    """A publisher and an observer, and between them a wire that may do what it wants."""

    replica: Replica = field(default_factory=lambda: Replica(H, 0))
    now: float = 0.0
    boot: int = 0
    seq: int = 0
    state: dict[str, int] = field(default_factory=dict)
    under_way: list[Delta] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)

    def change(self, key: str, value: int) -> None:
        self.seq += 1
        self.state[key] = value
        self.under_way.append(Delta(str(self.boot), self.seq, "item", key, value, value))

    def restart(self) -> None:
        self.boot += 1
        self.seq = 0

    def beat(self) -> None:
        self.under_way.append(Delta(str(self.boot), self.seq, "beat"))

    def ask(self) -> None:
        if self.replica.wants_snapshot(self.now):
            self.replica.asked(self.now)
            rows = [{"id": key, "value": value} for key, value in self.state.items()]
            self.snapshots.append(Snapshot(str(self.boot), self.seq, rows, [], {}))

    def deliver(self, position: int, *, keep: bool = False) -> None:
        if self.under_way:
            position %= len(self.under_way)
            came = self.under_way[position] if keep else self.under_way.pop(position)
            self.apply(self.replica.take_delta(came, self.now))

    def answer(self) -> None:
        if self.snapshots:
            self.apply(self.replica.take_snapshot(self.snapshots.pop(0), self.now))

    def apply(self, handed: list[Any]) -> None:
        for message in handed:
            if isinstance(message, Snapshot):
                self.seen = {row["id"]: row["value"] for row in message.items}
            else:
                self.seen[message.id] = message.data

    def settle(self) -> None:
        """The wire delivers what is under way, and then behaves for as long as it takes: two questions."""
        for _ in range(3):
            while self.under_way:
                self.deliver(0)
            while self.snapshots:
                self.answer()
            self.now += H
            self.beat()
            self.deliver(0)
            self.ask()
            self.answer()


_STEPS = st.one_of(
    st.tuples(st.just("change"), st.sampled_from("abc"), st.integers(0, 99)),
    st.tuples(st.sampled_from(["deliver", "repeat", "lose"]), st.integers(0, 5)),
    st.tuples(st.sampled_from(["restart", "beat", "ask", "answer", "lose_snapshot"])),
    st.tuples(st.just("pass"), st.floats(0, 4 * H)),
)


def _carry_out(feed: Feed, step: tuple[Any, ...]) -> None:
    match step:
        case ("deliver", position):
            feed.deliver(position)
        case ("repeat", position):
            feed.deliver(position, keep=True)
        case ("lose", position):
            del feed.under_way[position : position + 1]
        case ("lose_snapshot",):
            del feed.snapshots[:1]
        case ("pass", seconds):
            feed.now += seconds
        case (name, *arguments):
            getattr(feed, name)(*arguments)


@given(st.lists(_STEPS, max_size=60))
def test_an_observer_converges_after_any_losses_repeats_delays_and_restarts(steps):
    feed = Feed()
    for step in steps:
        _carry_out(feed, step)

    feed.settle()

    assert feed.replica.live
    assert feed.seen == feed.state


@given(st.lists(_STEPS, max_size=60))
def test_an_observer_that_is_live_shows_a_state_that_the_feed_had(steps):
    feed = Feed()
    had: list[dict[str, int]] = [{}]
    for step in steps:
        _carry_out(feed, step)
        had.append(dict(feed.state))

        if feed.replica.live:
            assert feed.seen in had

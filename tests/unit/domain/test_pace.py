"""When messages are left to gather."""

from factory.domain.pace import THIN, Pace

REST = 0.02
CROWD = 500


def paced(arrivals: list[tuple[float, int]]) -> list[float]:
    """How long is rested after each of these (time, messages)."""
    pace, rests = Pace.begin(REST, 0.0), []
    for now, messages in arrivals:
        pace, until = pace.handled(messages, now)
        rests.append(until - now)
    return rests


def test_what_comes_now_and_then_never_waits() -> None:
    seconds = range(1, 100)

    assert set(paced([(float(second), int(THIN) // 2) for second in seconds])) == {0.0}


def test_a_few_at_once_do_not_wait_either() -> None:
    assert paced([(1.0, 1)] * 10) == [0.0] * 10


def test_a_crowd_is_left_to_gather() -> None:
    rests = paced([(1.0, CROWD), (1.02, CROWD), (1.04, CROWD)])

    assert all(abs(rest - REST) < 1e-9 for rest in rests)


def test_a_steady_stream_that_is_too_thick_is_left_to_gather_most_of_the_time() -> None:
    rests = paced([(number / (3 * THIN), 1) for number in range(1, 3001)])

    assert sum(rest > 0 for rest in rests) > 1500


def test_after_a_pause_it_is_as_it_was() -> None:
    assert paced([(1.0, CROWD), (2.0, 1)])[-1] == 0.0


def test_who_does_not_rest_never_waits() -> None:
    pace = Pace.begin(0.0, 0.0)

    assert [pace.handled(CROWD, 1.0)[1] for _ in range(3)] == [1.0] * 3

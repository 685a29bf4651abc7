import random

from hypothesis import given
from hypothesis import strategies as st

from factory.domain.chunks import AGAIN_SECONDS, CHUNK_BYTES, CREDIT_CHUNKS, GIVE_UP_SECONDS, MOST_ASKED, WINDOW_CHUNKS, Pull


def asked(pull: Pull, now: float, credit: int = CREDIT_CHUNKS) -> tuple[Pull, list[tuple[int, int]]]:
    """All questions that are due, and the pull after them."""
    asks: list[tuple[int, int]] = []
    while True:
        pull, ask = pull.due(now, credit)
        if ask is None:
            return pull, asks
        asks.append(ask)


def test_a_window_is_asked_for_at_once_and_no_more() -> None:
    pull, asks = asked(Pull.begin(100 * CHUNK_BYTES, 0, 0.0), 0.0)

    assert asks == [(first * CHUNK_BYTES, MOST_ASKED) for first in range(0, WINDOW_CHUNKS, MOST_ASKED)]
    assert pull.on_the_way == WINDOW_CHUNKS


def test_more_is_asked_for_when_what_one_question_was_for_is_there() -> None:
    pull, _ = asked(Pull.begin(100 * CHUNK_BYTES, 0, 0.0), 0.0)
    for number in range(MOST_ASKED):
        assert pull.due(0.1)[1] is None
        pull, taken = pull.took(number * CHUNK_BYTES, CHUNK_BYTES, 0.1)
        assert taken

    assert pull.due(0.1)[1] == (WINDOW_CHUNKS * CHUNK_BYTES, MOST_ASKED)


def test_no_more_is_asked_for_than_there_is_credit() -> None:
    _, asks = asked(Pull.begin(100 * CHUNK_BYTES, 0, 0.0), 0.0, 2 * MOST_ASKED)

    assert sum(count for _, count in asks) == 2 * MOST_ASKED


def test_a_file_whose_turn_has_not_come_is_not_stuck() -> None:
    pull, ask = Pull.begin(100 * CHUNK_BYTES, 0, 0.0).due(GIVE_UP_SECONDS, 0)

    assert ask is None
    assert not pull.is_stuck(GIVE_UP_SECONDS + 1)


def test_what_comes_out_of_order_is_dropped():
    pull = Pull.begin(10 * CHUNK_BYTES, 0, 0.0)

    assert pull.took(CHUNK_BYTES, CHUNK_BYTES, 0.0) == (pull, False)
    assert pull.took(0, CHUNK_BYTES + 1, 0.0) == (pull, False)
    assert pull.took(0, 0, 0.0) == (pull, False)


def test_what_was_lost_is_asked_for_again_from_the_first_missing_byte():
    pull, _ = Pull.begin(3 * CHUNK_BYTES, 0, 0.0).due(0.0)
    pull, _ = pull.took(0, CHUNK_BYTES, 0.0)

    assert pull.due(AGAIN_SECONDS - 0.1)[1] is None
    assert pull.due(AGAIN_SECONDS)[1] == (CHUNK_BYTES, 2)


def test_a_transfer_goes_on_from_what_is_there():
    assert Pull.begin(3 * CHUNK_BYTES, 2 * CHUNK_BYTES, 0.0).due(0.0)[1] == (2 * CHUNK_BYTES, 1)
    assert Pull.begin(5, 5, 0.0).is_whole


def test_a_transfer_without_a_single_piece_is_stuck_some_time():
    pull = Pull.begin(10, 0, 0.0)

    assert not pull.is_stuck(GIVE_UP_SECONDS - 1)
    assert pull.is_stuck(GIVE_UP_SECONDS)


@given(st.integers(0, 40 * CHUNK_BYTES), st.integers(0, 2**32))
def test_whatever_is_lost_or_doubled_the_file_arrives_whole(size, seed):
    dice = random.Random(seed)
    pull, now, way = Pull.begin(size, 0, 0.0), 0.0, list[tuple[int, int]]()
    for _ in range(5_000):
        if pull.is_whole:
            break
        pull, ask = pull.due(now)
        if ask:
            offset, count = ask
            assert offset + count * CHUNK_BYTES - pull.at <= (WINDOW_CHUNKS + 1) * CHUNK_BYTES
            way += [(offset + n * CHUNK_BYTES, min(CHUNK_BYTES, size - offset - n * CHUNK_BYTES)) for n in range(count)]
        if way:
            piece = way.pop(0)
            for _ in range(dice.choice([0, 1, 1, 1, 1, 2])):
                pull, _ = pull.took(*piece, now)
        else:
            now += 1.0

    assert pull.is_whole
    assert pull.at == size

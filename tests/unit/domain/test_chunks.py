import random

from hypothesis import given
from hypothesis import strategies as st

from factory.domain.chunks import AGAIN_SECONDS, CHUNK_BYTES, GIVE_UP_SECONDS, WINDOW_CHUNKS, Pull


def test_a_window_is_asked_for_at_once_and_no_more():
    pull, ask = Pull.begin(100 * CHUNK_BYTES, 0, 0.0).due(0.0)

    assert ask == (0, WINDOW_CHUNKS)
    assert pull.due(0.0)[1] is None


def test_more_is_asked_for_when_half_of_it_is_there():
    pull, _ = Pull.begin(100 * CHUNK_BYTES, 0, 0.0).due(0.0)
    for number in range(WINDOW_CHUNKS // 2):
        assert pull.due(0.1)[1] is None
        pull, taken = pull.took(number * CHUNK_BYTES, CHUNK_BYTES, 0.1)
        assert taken

    assert pull.due(0.1)[1] == (WINDOW_CHUNKS * CHUNK_BYTES, WINDOW_CHUNKS // 2)


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

import pytest

from factory.protocol.codec import MAX_FRAME, BadMessage
from factory.protocol.feed import Snapshot
from factory.transport import feed_frames


def test_a_snapshot_larger_than_a_frame_travels_in_several():
    large = Snapshot("b", 7, [{"id": str(number), "title": "x" * 1000} for number in range(3000)], [], {})

    frames = feed_frames.encode_snapshot(large)

    assert len(frames) > 1
    assert max(map(len, frames)) <= MAX_FRAME
    assert feed_frames.decode_snapshot(b"".join(frames)) == large


def test_a_snapshot_beyond_the_bound_is_not_sent(monkeypatch):
    monkeypatch.setattr(feed_frames, "MAX_SNAPSHOT", 100)

    with pytest.raises(BadMessage):
        feed_frames.encode_snapshot(Snapshot("b", 7, [{"title": "x" * 100}], [], {}))


@pytest.mark.parametrize("whole", [b"", b"\xc1", b"\x80", b"\x91" * 100_000])
def test_other_bytes_are_a_bad_message(whole):
    with pytest.raises(BadMessage):
        feed_frames.decode_snapshot(whole)

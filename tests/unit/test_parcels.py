"""Several files on their way from one machine at once."""

from pathlib import Path

from factory.domain.chunks import CHUNK_BYTES, CREDIT_CHUNKS, MOST_ASKED
from factory.parcels import Arrivals
from factory.protocol.host import Chunk

FILES = 12
SIZE = 40 * CHUNK_BYTES
SHA256 = "0" * 64
NAMES = [f"parcel{number}" for number in range(FILES)]


def begun(folder: Path, host: str = "anvil") -> Arrivals:
    arrivals = Arrivals(folder)
    for name in NAMES:
        arrivals.begin(host, name, SIZE, SHA256, 0.0)
    return arrivals


def asked(arrivals: Arrivals, now: float = 0.0) -> list[tuple[str, int, int]]:
    """What is asked for of all of them: the file, the offset and the number of pieces."""
    return [(name, offset, count) for name in NAMES for offset, count in arrivals.due("anvil", name, now)]


def test_no_more_of_all_of_them_is_asked_for_than_may_be_on_its_way(tmp_path: Path) -> None:
    arrivals = begun(tmp_path)

    total = sum(count for _, _, count in asked(arrivals))

    assert CREDIT_CHUNKS - MOST_ASKED < total <= CREDIT_CHUNKS
    assert asked(arrivals) == []
    arrivals.close()


def test_another_machine_has_a_credit_of_its_own(tmp_path: Path) -> None:
    arrivals = begun(tmp_path, "bellows")
    arrivals.begin("anvil", NAMES[0], SIZE, SHA256, 0.0)
    for name in NAMES:
        arrivals.due("bellows", name, 0.0)

    assert sum(count for _, _, count in asked(arrivals)) == SIZE // CHUNK_BYTES
    arrivals.close()


def test_all_of_them_arrive(tmp_path: Path) -> None:
    arrivals, whole = begun(tmp_path), set[str]()
    way = asked(arrivals)

    while way:
        name, offset, count = way.pop(0)
        for at in range(offset, offset + count * CHUNK_BYTES, CHUNK_BYTES):
            assert arrivals.take("anvil", Chunk("s", name, at, bytes(min(CHUNK_BYTES, SIZE - at))), 0.0)
        if arrivals.finished("anvil", name):
            whole.add(name)
        way += asked(arrivals)

    assert whole == set(NAMES)

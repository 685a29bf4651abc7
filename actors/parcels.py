"""Work in mails: a spec may be as large as a mail, so many of them travel in several."""

from collections.abc import Iterable, Iterator

from factory.protocol.codec import MAX_FRAME, encode
from factory.protocol.mailbox import Work

PARCEL_BYTES = MAX_FRAME // 2
"""Of work in one mail. A larger single one travels alone; that it fits is the concern of who took it in."""

MAX_SUBMISSION = MAX_FRAME - 192 * 1024
"""Bytes of an item as it is handed in. It travels on inside an assignment, with the evidence of the attempt before and the gates."""


def parcels(work: Iterable[Work]) -> Iterator[tuple[Work, ...]]:
    """All of it, in order, in at least one parcel."""
    parcel: list[Work] = []
    size = 0
    for one in work:
        weight = len(encode(one))
        if parcel and size + weight > PARCEL_BYTES:
            yield tuple(parcel)
            parcel, size = [], 0
        parcel.append(one)
        size += weight
    yield tuple(parcel)

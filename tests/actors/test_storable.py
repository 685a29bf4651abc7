"""Mail in a form that the store takes."""

import math

from hypothesis import given
from hypothesis import strategies as st

from actors.parcels import PARCEL_BYTES, parcels
from actors.storable import storable
from factory.protocol.attempt_mail import Finish, Happened, Result
from factory.protocol.codec import encode
from factory.protocol.mailbox import Lease, Work

LEASE = Lease("0123456789", 1)
RESULT = Result("/spool/x.bundle", "0" * 64, 10, "c" * 40, "b" * 40, 1, 1, ("one", "two"))

scalars = st.text(max_size=5) | st.integers(-(2**63), 2**63) | st.floats() | st.booleans() | st.none()


def test_a_mail_that_can_be_stored_stays_as_it_is():
    mail = Finish(LEASE, 3, "done", evidence="ä\n\x01", result=RESULT)

    assert storable(mail) == mail


def test_zero_bytes_become_visible_wherever_they_stand():
    mail = Finish(LEASE, 3, "agent", "a\0b", "\0", result=Result("/x", "0", 1, "c\0", "b", 1, 1, ("\0l",)))

    fit = storable(mail)

    assert (fit.reason, fit.evidence) == ("a\N{REPLACEMENT CHARACTER}b", "\N{REPLACEMENT CHARACTER}")
    assert fit.result is not None
    assert "\0" not in fit.result.commit + "".join(fit.result.learnings)


@given(st.dictionaries(st.text(max_size=5), scalars))
def test_whatever_an_event_holds_can_be_stored_and_is_not_changed_twice(data: dict[str, object]):
    fit = storable(Happened(LEASE, 1, 1, "ATTEMPT.GATE.FAILED", data))

    assert not [value for value in fit.data.values() if isinstance(value, float) and not math.isfinite(value)]
    assert "\0" not in "".join([*fit.data, *(value for value in fit.data.values() if isinstance(value, str))])
    assert storable(fit) == fit


def work(size: int) -> Work:
    return Work(LEASE, "/repo", "main", "t", "x" * size, "command:true", "operator", "assigned")


@given(st.lists(st.integers(0, PARCEL_BYTES + 1_000), max_size=6))
def test_work_travels_whole_in_order_and_in_parcels_that_fit(sizes: list[int]):
    everything = [work(size) for size in sizes]

    sent = list(parcels(everything))

    assert [one for parcel in sent for one in parcel] == everything
    assert sent
    assert all(len(parcel) <= 1 or sum(len(encode(one)) for one in parcel) <= PARCEL_BYTES for parcel in sent)

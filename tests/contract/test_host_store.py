"""What every store of hosts does, the one of the tests included."""

from collections.abc import Callable

import pytest

from factory.domain.hosts import KEY_SECONDS, TOKEN_SECONDS
from factory.errors import Conflict, InvalidInput, NotFound, Refused
from factory.host_ports import HostStore
from factory.storage.database import Database
from factory.storage.hosts import HostRows
from tests.fakes.host_store import FakeHostStore

A, B, C = "a" * 40, "b" * 40, "c" * 40


class Shelf:
    """A store, and a way to let its time pass."""

    def __init__(self, store: HostStore, passes: Callable[[float], None]) -> None:
        self.store, self.passes = store, passes


@pytest.fixture(params=["fake", "PostgreSQL"])
def shelf(request: pytest.FixtureRequest, database: Database) -> Shelf:
    if request.param == "fake":
        fake = FakeHostStore()

        def later(seconds: float) -> None:
            fake.now += seconds

        return Shelf(fake, later)

    def aged(seconds: float) -> None:
        with database.transaction() as cursor:
            for column in (b"token_until", b"expires_at"):
                cursor.execute(b"UPDATE hosts SET %b = %b - make_interval(secs => %%s)" % (column, column), [seconds])

    return Shelf(HostRows(database), aged)


@pytest.fixture
def joined(shelf: Shelf) -> Shelf:
    shelf.store.enroll("anvil", ("gpu",), "hash", "ada")
    assert shelf.store.join("hash", A, {"cores": 4}) == "anvil"
    return shelf


def test_a_machine_that_joined_is_known_by_its_key(joined: Shelf) -> None:
    (known,) = joined.store.known()

    assert (known.name, known.key, known.next_key, known.labels, known.facts, known.draining) == (
        "anvil",
        A,
        "",
        ("gpu",),
        {"cores": 4},
        False,
    )
    assert KEY_SECONDS - 60 < known.expires_in <= KEY_SECONDS


def test_a_token_is_used_once_and_its_user_may_ask_again(joined: Shelf) -> None:
    assert joined.store.join("hash", A, {}) == "anvil"
    with pytest.raises(Refused, match="used already"):
        joined.store.join("hash", B, {})


def test_a_token_that_nobody_gave_is_refused(shelf: Shelf) -> None:
    with pytest.raises(Refused, match="not known"):
        shelf.store.join("hash", A, {})


def test_a_token_that_is_too_old_is_refused(shelf: Shelf) -> None:
    shelf.store.enroll("anvil", (), "hash", "ada")
    shelf.passes(TOKEN_SECONDS + 1)

    with pytest.raises(Refused, match="10 minutes"):
        shelf.store.join("hash", A, {})


def test_a_new_token_takes_the_place_of_the_old_one_and_the_key_stays_until_it_is_used(joined: Shelf) -> None:
    joined.store.enroll("anvil", (), "other", "ada")
    assert [known.key for known in joined.store.known()] == [A]
    with pytest.raises(Refused):
        joined.store.join("hash", A, {})

    joined.store.join("other", B, {})

    assert [known.key for known in joined.store.known()] == [B]


def test_a_key_that_was_not_renewed_for_a_day_is_worth_nothing(joined: Shelf) -> None:
    joined.passes(KEY_SECONDS + 1)

    assert joined.store.known() == []
    assert not joined.store.renew("anvil", A, B)


def test_the_next_key_is_good_beside_the_one_in_use_until_it_is_used(joined: Shelf) -> None:
    joined.passes(KEY_SECONDS / 2)
    assert joined.store.renew("anvil", A, B)
    assert [(known.key, known.next_key) for known in joined.store.known()] == [(A, B)]

    assert joined.store.use_next("anvil", B)

    (known,) = joined.store.known()
    assert (known.key, known.next_key) == (B, "")
    assert known.expires_in > KEY_SECONDS * 0.9
    assert not joined.store.use_next("anvil", B)
    assert not joined.store.renew("anvil", A, C)


def test_a_key_in_use_is_nobodys_next_one(joined: Shelf) -> None:
    """Else its holder would be taken for the host that named it."""
    joined.store.enroll("other", (), "hash 2", "ada")
    assert joined.store.join("hash 2", B, {}) == "other"

    assert not joined.store.renew("other", B, A)
    assert not joined.store.renew("other", B, B)
    assert [(known.key, known.next_key) for known in joined.store.known()] == [(A, ""), (B, "")]


def test_two_hosts_cannot_name_the_same_next_key(joined: Shelf) -> None:
    joined.store.enroll("other", (), "hash 2", "ada")
    joined.store.join("hash 2", B, {})
    assert joined.store.renew("anvil", A, C)

    with pytest.raises(Conflict):
        joined.store.renew("other", B, C)


def test_what_no_text_can_hold_is_refused(joined: Shelf) -> None:
    with pytest.raises(InvalidInput):
        joined.store.seen({"anvil": {"version": "\0"}})
    with pytest.raises(InvalidInput):
        joined.store.place_of("item\0-1")


def test_a_host_that_was_taken_back_is_nobody(joined: Shelf) -> None:
    joined.store.renew("anvil", A, B)
    joined.store.revoke("anvil", "ada")

    assert joined.store.known() == []
    assert not joined.store.use_next("anvil", B)
    with pytest.raises(Refused):
        joined.store.join("hash", A, {})


def test_a_host_is_drained_and_that_is_taken_back(joined: Shelf) -> None:
    joined.store.drain("anvil", "ada", draining=True)
    assert [known.draining for known in joined.store.known()] == [True]

    joined.store.drain("anvil", "ada", draining=False)
    assert [known.draining for known in joined.store.known()] == [False]


def test_a_host_that_is_none_cannot_be_changed(shelf: Shelf) -> None:
    with pytest.raises(NotFound):
        shelf.store.revoke("anvil", "ada")
    with pytest.raises(NotFound):
        shelf.store.drain("anvil", "ada", draining=True)


def test_what_a_host_says_of_itself_is_kept(joined: Shelf) -> None:
    joined.store.seen({"anvil": {"cores": 8}})
    joined.store.seen({"anvil": None})

    assert [known.facts for known in joined.store.known()] == [{"cores": 8}]


def test_of_a_worker_that_nobody_knows_there_is_no_place(shelf: Shelf) -> None:
    assert shelf.store.place_of("0123456789-1") is None

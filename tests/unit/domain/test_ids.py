"""Names that other systems see: branches, containers, sockets."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.domain.ids import Epoch, ItemId, branch_of, is_item_id, new_item_id, parse_worker_id, worker_actor, worker_id


def test_a_new_item_id_is_one_and_fits_into_names_of_branches_and_containers():
    item = new_item_id()

    assert is_item_id(item)
    assert re.fullmatch(r"[a-z0-9]{10}", item)
    assert branch_of(item) == f"factory/{item}"


def test_new_item_ids_differ():
    assert len({new_item_id() for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize("text", ["", "0123456789a", "012345678", "012345678i", "012345678A", "012345678l\n", "../../etc1", "0123456789\n"])
def test_what_is_no_item_id_is_not_taken_for_one(text: str):
    assert not is_item_id(text)


@given(st.integers(1, 999_999_999))
def test_a_workers_name_says_which_lease_it_belongs_to(number: int):
    item, epoch = ItemId("0123456789"), Epoch(number)

    assert parse_worker_id(worker_id(item, epoch)) == (item, epoch)


@pytest.mark.parametrize(
    "text",
    ["", "0123456789", "0123456789-", "0123456789-0", "0123456789-01", "0123456789-1-2", "verify-0123456789-1", "0123456789-1\n",
     "0123456789--1", "0123456789-1234567890", "0123456789-\N{ARABIC-INDIC DIGIT ONE}"],
)  # fmt: skip
def test_what_is_no_workers_name_has_no_lease(text: str):
    assert parse_worker_id(text) is None


def test_a_workers_actor_is_reached_under_a_name_of_its_own():
    assert worker_actor(worker_id(ItemId("0123456789"), Epoch(3))) == "worker-0123456789-3"

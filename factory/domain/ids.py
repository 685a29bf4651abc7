"""Identities: what each is made of, and how one is made."""

import re
import secrets
from typing import NewType

ItemId = NewType("ItemId", str)
"""A work item: ten characters of Crockford's base 32, lower case. Part of branch and container names."""

WorkerId = NewType("WorkerId", str)
"""A worker: `<item>-<epoch>`; so a container's name says which lease it belongs to."""

Epoch = NewType("Epoch", int)
"""Per-item fencing token: 0 before the first claim, raised by one at each claim."""

Commit = NewType("Commit", str)
"""A full git object name, 40 (or 64) hexadecimal digits."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 10
_ITEM = re.compile(rf"[{_ALPHABET}]{{{_LENGTH}}}")
_WORKER = re.compile(rf"([{_ALPHABET}]{{{_LENGTH}}})-([1-9][0-9]{{0,8}})")


def new_item_id() -> ItemId:
    """Fifty random bits: the primary key refuses the collision that a person will never see."""
    return ItemId("".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)))


def is_item_id(text: str) -> bool:
    return _ITEM.fullmatch(text) is not None


def worker_id(item: ItemId, epoch: Epoch) -> WorkerId:
    return WorkerId(f"{item}-{epoch}")


def parse_worker_id(text: str) -> tuple[ItemId, Epoch] | None:
    """The lease behind a worker's name, or None where the text is no such name."""
    match = _WORKER.fullmatch(text)
    return (ItemId(match[1]), Epoch(int(match[2]))) if match else None


def branch_of(item: ItemId) -> str:
    """The one branch of an item, the same for every attempt: a second branch would be a second pull request."""
    return f"factory/{item}"


def worker_actor(worker: WorkerId) -> str:
    """The address of the actor that looks after a worker."""
    return f"worker-{worker}"

"""What all mail between actors of the factory has in common. The messages themselves are in `mailbox`."""

import msgspec


class Mail(msgspec.Struct, frozen=True, tag_field="t"):
    """Base of all mail."""


class Lease(msgspec.Struct, frozen=True):
    """Which lease a message is about: the fence of everything that follows."""

    item: str
    epoch: int

    @property
    def worker(self) -> str:
        return f"{self.item}-{self.epoch}"

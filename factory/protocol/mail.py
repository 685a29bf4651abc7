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


class Work(msgspec.Struct, frozen=True):
    """All that a worker actor needs to start or adopt a worker."""

    lease: Lease
    repo: str
    base_branch: str
    title: str
    spec: str
    engine: str
    source: str
    status: str
    files: tuple[str, ...] = ()
    previous: str = ""
    max_iterations: int = 50
    base_commit: str = ""
    """Where the attempt's branch starts, once a worker was made for it; empty before."""
    notes: tuple[str, ...] = ()
    """What operators want the agent to read, oldest first; the last of `noted` there are."""
    noted: int = 0

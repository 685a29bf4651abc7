"""What all mail between actors of the factory has in common. The messages themselves are in the other `*_mail` modules and in `mailbox`."""

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
    host: str = ""
    """Where its worker is made; empty until that was decided."""
    needs: tuple[str, ...] = ()
    """Labels that this host must have."""
    tokens: int = 0
    micros: int = 0
    calls: int = 0
    """What the attempt has used of its model already, as the way out counts it: money in millionths of a US dollar."""

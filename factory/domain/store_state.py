"""What a look at a database server tells, before anything is written to it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoreState:
    """A server that answers and can be used.

    Attributes:
        version: of the server, as people write it.
        vector: version of pgvector that it has or would create.
        pending: migrations that the database has not been through, oldest first.
        skew: seconds by which the server's clock is ahead of ours.
    """

    version: str
    vector: str
    pending: tuple[str, ...]
    skew: float

"""The seams of remote workers: where hosts are kept, and where their sources come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class KnownHost:
    """A host whose key is good for `expires_in` seconds more.

    Attributes:
        next_key: the one that follows, which is good as well; empty where there is none.
    """

    name: str
    key: str
    next_key: str
    labels: tuple[str, ...]
    facts: dict[str, Any]
    draining: bool
    expires_in: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where the queue noted that a worker is made.

    Attributes:
        counts: the host was not revoked since.
        repo: that it works on.
        alive: the worker is not known to be gone.
    """

    host: str
    counts: bool
    repo: str
    alive: bool


class HostStore(Protocol):
    """The hosts' store. All times are the store's own clock's."""

    def enroll(self, name: str, labels: Sequence[str], token_hash: str, operator: str) -> None:
        """Keeps a token. Raises `errors.Conflict` where there are too many hosts."""
        ...

    def join(self, token_hash: str, key: str, facts: dict[str, Any]) -> str:
        """Uses a token and returns the host's name. The same key may say it again. Raises `errors.Refused` with a sentence."""
        ...

    def known(self) -> list[KnownHost]: ...
    def renew(self, name: str, key: str, next_key: str) -> bool:
        """Names the key that follows; False where `key` is not the one in use."""
        ...

    def use_next(self, name: str, key: str) -> bool:
        """The key that follows was used."""
        ...

    def revoke(self, name: str, operator: str) -> None:
        """Raises `errors.NotFound`."""
        ...

    def drain(self, name: str, operator: str, *, draining: bool) -> None:
        """Raises `errors.NotFound`."""
        ...

    def seen(self, facts: dict[str, dict[str, Any] | None]) -> None:
        """These hosts were heard; with what they say of themselves where that is new."""
        ...

    def place_of(self, worker: str) -> Place | None:
        """Where a worker is meant to be; None for one that nobody knows."""
        ...


@dataclass(frozen=True, slots=True)
class Parcel:
    """A file that is ready to travel. `size` in bytes."""

    path: Path
    size: int
    sha256: str


class Sources(Protocol):
    """Makes bundles out of the mirrors of repositories."""

    def pack(self, repo: str, commits: Sequence[str], haves: Sequence[str]) -> Parcel:
        """A bundle of these commits without what `haves` lead to. Asked for again it is the same file.

        Raises `errors.RepositoryUnavailable` or `errors.HostUnavailable` where it cannot be made now.
        """
        ...

    def tidy(self) -> None:
        """Drops bundles that nobody asked for lately."""
        ...

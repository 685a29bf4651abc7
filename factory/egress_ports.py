"""The seam of the way out for workers without a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from factory.domain.budget import Caps, Spend


@dataclass(frozen=True, slots=True)
class Grant:
    """Somebody vouches for a worker: it may go out.

    Attributes:
        model: whether it may call the model; what only checks a result may not.
        spent: what is known of earlier calls of the attempt, from whoever kept it over a restart.
        seconds: for which this holds; whoever vouches says it again before they are over.
    """

    worker: str
    model: bool
    caps: Caps
    spent: Spend
    seconds: float


@dataclass(frozen=True, slots=True)
class Outlay:
    """What became of a worker's way out, all of it so far.

    Attributes:
        blocked: hosts that it wanted and was not let to, each once, the first of them.
        over: why its model is called no more; empty while it may be.
        refused: calls that were refused for that reason.
    """

    worker: str
    spent: Spend
    blocked: tuple[str, ...] = ()
    over: str = ""
    refused: int = 0


class WayOutServer(Protocol):
    """Lets workers out as far as they may, on threads of its own."""

    def start(self) -> str:
        """Begins, and returns where. Raises `errors.Broken` where it cannot."""
        ...

    def is_alive(self) -> bool: ...

    def stop(self) -> None: ...

    def pollable(self) -> int:
        """A descriptor that is readable while there is news."""
        ...

    def grant(self, grant: Grant) -> None:
        """From now on, or still, the worker may go out."""
        ...

    def revoke(self, worker: str) -> None:
        """It may not any more: what is under way for it ends."""
        ...

    def news(self) -> Sequence[Outlay]:
        """Of each worker that something became of since the last call. Also once after `stop`."""
        ...

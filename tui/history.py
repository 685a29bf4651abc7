"""Where one has been, for `[` and `]`, as a browser keeps it. Pure."""

from dataclasses import dataclass

_MOST = 100


@dataclass(frozen=True, slots=True)
class Place:
    """A screen, and what is opened on top of it.

    Attributes:
        screen: a name of `words.SCREENS`.
        kind: of the detail, `item` or `worker`; empty where none is open.
        id, tab: of the detail.
    """

    screen: str
    kind: str = ""
    id: str = ""
    tab: str = ""


class History:
    """Places in the order in which they were visited. Going on from an earlier one drops those after it."""

    def __init__(self) -> None:
        self._places: list[Place] = []
        self._here = -1

    @property
    def here(self) -> Place | None:
        return self._places[self._here] if self._places else None

    def visit(self, place: Place) -> None:
        """Notes a place; the one that one is at is not noted twice."""
        if place == self.here:
            return
        self._places = [*self._places[: self._here + 1], place][-_MOST:]
        self._here = len(self._places) - 1

    def step(self, by: int) -> Place | None:
        """The place so many steps back (negative) or forward; None at either end."""
        if not 0 <= self._here + by < len(self._places):
            return None
        self._here += by
        return self.here

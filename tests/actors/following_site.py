"""A delivery that follows pull requests: the forge and what is known of it in memory, git real where a test asks for it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from actors.delivery import DeliverySettings
from actors.following import FollowSettings
from factory.delivery_ports import Tracked
from factory.domain.follow import Seen
from factory.domain.ids import Commit, ItemId
from factory.protocol.issue_mail import Followed
from factory.protocol.mailbox import Ok
from tests.actors.delivery_site import Site, Trap
from tests.fakes.clock import ManualClock
from tests.fakes.following import FakeFollowStore, FakeReader
from tests.repositories import ITEM, Remote, Tree, make_remote

HEAD, OTHER = Commit("a" * 40), Commit("c" * 40)
_STRIDE = 9.0
REPO, URL = "https://github.com/acme/widgets.git", "https://github.com/acme/widgets/pull/7"
TRACKED = Tracked(ITEM, 1, REPO, 7, URL, "main", HEAD, (HEAD,))
OPEN = Seen("open", HEAD, mergeable=True, clear=True)


@dataclass(slots=True)
class Place:
    site: Site
    reader: FakeReader
    store: FakeFollowStore
    trap: Trap
    words: list[Followed] = field(init=False)

    def __post_init__(self) -> None:
        self.words = self.site.queue.followed
        self.site.queue.on_followed = self._taken

    def _taken(self, mail: Followed) -> Ok:
        """What the queue does: the item is no longer in review."""
        del self.store.rows[ItemId(mail.item)]
        return Ok()

    def review(self, seen: Seen, tracked: Tracked = TRACKED) -> None:
        """It is opened, and this is what the forge has of it."""
        self.reader.pulls[tracked.number] = seen
        self.store.add(tracked)

    def until(self, predicate: Callable[[], object]) -> None:
        self.site.until(predicate)

    def for_a_while(self, seconds: float) -> None:
        """In turns some seconds apart, which is less than between two looks."""
        until = self.site.clock.monotonic() + seconds
        while self.site.clock.monotonic() < until:
            self.site.clock.advance(_STRIDE)
            self.site.turn()
            self.until(lambda: not self.site.background._pending)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Place]]:
    places: list[Place] = []

    def made(*, git: bool = False, **settings: object) -> Place:
        clock = ManualClock()
        reader, store = FakeReader(), FakeFollowStore(clock)
        follow = DeliverySettings(follow=FollowSettings(**settings))  # type: ignore[arg-type] # its names
        trap = Trap(store)
        # Most tests are about what is read of a forge, and need no repository.
        remote = make_remote(tmp_path / "there") if git else Remote(tmp_path, Tree(tmp_path))
        site = Site(tmp_path, remote, clock, settings=follow, forge=(reader, trap))
        places.append(Place(site, reader, store, trap))
        return places[-1]

    yield made
    for place in places:
        place.site.background.close()


@pytest.fixture
def place(make: Callable[..., Place]) -> Place:
    return make()

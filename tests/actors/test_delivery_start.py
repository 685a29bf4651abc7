"""Delivery that was started again: what its earlier incarnation was at is taken up at once, not at the next regular look."""

from collections.abc import Callable

from actors.delivery import LOOK_SECONDS, POLL_SECONDS
from tests.actors.delivery_site import Site

Make = Callable[..., Site]


def test_the_first_look_after_a_start_comes_at_once(make: Make) -> None:
    site = make()
    site.result({"a.txt": "a\n"})
    site.restart()

    assert site.actor.tick_every == POLL_SECONDS
    site.actor.on_tick()
    assert site.actor._busy, "its result is taken up at the first tick"


def test_looks_are_rare_once_nothing_of_an_earlier_incarnation_is_left(make: Make) -> None:
    site = make()
    site.restart()

    site.until(lambda: site.actor._leftovers.is_tidy)

    assert site.actor.tick_every == LOOK_SECONDS

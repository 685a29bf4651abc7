"""Taking pictures of screens once nothing moves any more, at three widths."""

from collections.abc import Callable
from contextlib import suppress

from tests.tui.conftest import Person

Size = tuple[int, int]
Compare = Callable[[Person, str], None]

_PATIENCE = 60
"""Looks at a picture that is still being painted."""

SIZES: tuple[Size, ...] = ((44, 12), (130, 30), (80, 24))
"""In an order in which each is another one than the size before, also for a terminal that begins with 80 columns."""


def _painted(person: Person) -> str:
    """What stands on the screen, at a fraction of what a picture of it costs."""
    return "\n".join("".join(segment.text for segment in line) for line in person.app.screen._compositor.render_strips())


async def steady(person: Person) -> None:
    """Every question that was asked is answered, and what came of it is painted."""
    context, before = person.app.context, None
    while before != (now := (context.world.version, _painted(person))):
        before = now
        # Those of a factory that went away get no answer for seconds.
        await person.until(lambda: not (context.link._asked and context.link.live), "answers")
        person.app.pump()
        person.app.paint()
        await person.pilot.pause(0.02)


async def settled(person: Person) -> None:
    """The factory's snapshot is here as well."""
    context = person.app.context
    await person.until(lambda: context.world.heard_at is not None and context.link.live, "a snapshot")
    await steady(person)


async def compared(person: Person, compare: Compare, name: str) -> None:
    """With the pictures of this name, one for each width, each once the screen has got used to it."""
    for size in SIZES:
        await person.pilot.resize_terminal(*size)
        await _looks_so(person, compare, f"{name}-{size[0]}")


async def _looks_so(person: Person, compare: Compare, name: str) -> None:
    """Now or soon: a busy machine lays a screen out in several steps."""
    for _ in range(_PATIENCE):
        await steady(person)
        with suppress(AssertionError):
            return compare(person, name)
    return compare(person, name)

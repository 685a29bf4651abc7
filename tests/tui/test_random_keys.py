"""Any keys in any terminal: nothing breaks, and Escape and `q` lead out of it."""

import random
from collections.abc import Callable, Sequence

import pytest
from textual.widgets import Input

from factory.protocol.commands import Reply
from tests.tui.conftest import FakeFactory, Person
from tests.tui.test_fast_keys import at_once
from tui.widgets.confirm import Confirm

_SEEDS = range(2)
_STEPS = 50
_MOST_OPEN = 3
"""A question over a detail, over a screen."""
_KEYS = (
    *"123456789jkgGsprauxXmcdDlohzF!?/:[]+-<>nNy", "ctrl+k", "ctrl+k", "ctrl+k", "ctrl+p", "ctrl+d", "ctrl+u", "enter", "escape", "tab",
    "shift+tab", "space", "up", "down", "pageup", "pagedown", "home", "end", "backspace", "ctrl+space", "f1",
)  # fmt: skip
_NAMES = {
    "!": "exclamation_mark", "?": "question_mark", "/": "slash", ":": "colon", "[": "left_square_bracket", "]": "right_square_bracket",
    "+": "plus", "-": "minus", "<": "less_than_sign", ">": "greater_than_sign",
}  # fmt: skip
_SIZES = ((44, 12), (44, 12), (80, 24), (130, 30), (20, 5), (10, 3), (1, 1), (44, 4), (200, 8))


_STEERING = (
    "ctrl+k", "ctrl+k", "ctrl+p", "X", "x", "m", "space", "j", "n", "y", "enter", "escape", "1", "2", "3", "4", "colon", "slash", "d",
)  # fmt: skip


async def walk(person: Person, rng: random.Random, keys: Sequence[str], resizes: float) -> list[str]:
    """Keys, alone or several in one read, and resizes in between; gives what was done."""
    done = []
    for _ in range(_STEPS):
        if rng.random() < resizes:
            size = rng.choice(_SIZES)
            await person.pilot.resize_terminal(*size)
            done.append(f"{size}")
            continue
        pressed = [_NAMES.get(key, key) for key in rng.choices(keys, k=rng.choice([1, 1, 1, 2, 4]))]
        done += pressed
        at_once(person, pressed)
        if rng.random() < 0.7:
            person.app.pump()
            person.app.paint()
            await person.pilot.pause()
    return done


@pytest.mark.parametrize(("keys", "resizes"), [(_KEYS, 0.1), (_STEERING, 0.3)], ids=["all", "steering"])
@pytest.mark.parametrize("seed", _SEEDS)
def test_whatever_was_pressed_q_leads_out_at_any_size(
    dashboard: Callable[..., None], factory_feed: FakeFactory, seed: int, keys: Sequence[str], resizes: float
) -> None:
    rng = random.Random(seed)
    for number in range(12):
        factory_feed.item(f"item{number}", status=("running", "queued", "failed", "needs_approval")[number % 4], priority=number % 4)
        factory_feed.worker(f"item{number}-2")
    factory_feed.answers["kill"] = Reply("refused", reason="it is over")

    async def steps(person: Person) -> None:
        await person.sees("item1")
        done = await walk(person, rng, keys, resizes)
        for _ in range(_MOST_OPEN):
            # Only where one types words it is a letter.
            typing = isinstance(person.app.focused, Input) and not isinstance(person.app.screen, Confirm)
            await person.press(*(["escape"] if typing else []), "q")
            if person.app.return_code is not None:
                return
        raise AssertionError(f"still there after {done[-40:]}: {person.app.screen_stack}\n{person.screen()}")

    dashboard(steps, size=(44, 12))

"""What `:` understands. Pure: from the text to what is meant, or a sentence that says what would be."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

SCREENS = ("overview", "queue", "workers", "approvals", "locks", "events", "learnings", "metrics", "tree")
"""In the order of the keys 1 to 9."""

SWITCHES = ("pause", "resume", "drain")
_ABOUT_ITEM = ("item", "log", "diff")
_QUIT = ("q", "quit")


@dataclass(frozen=True, slots=True)
class Go:
    """To a screen."""

    screen: str


@dataclass(frozen=True, slots=True)
class Look:
    """At an item: `tab` is what is wanted of it, `item` its id or the beginning of it."""

    tab: str
    item: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A switch of the whole factory; `part` is intake or dispatch, empty for both."""

    verb: str
    part: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """Emergency: every agent ends, its state is kept."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Closes the terminal; the factory goes on."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """What is wrong, and what would not be."""

    sentence: str


Meaning = Go | Look | Turn | Stop | Leave | Unclear


def understand(text: str) -> Meaning:
    """What was typed after the colon."""
    words = text.split()
    match words:
        case []:
            return Unclear("Type a word, as in :queue or :item 3f9; Tab completes it.")
        case [word] if word in SCREENS:
            return Go(word)
        case [word] if word in _QUIT:
            return Leave()
        case ["stop", "all"]:
            return Stop()
        case [verb] if verb in SWITCHES:
            return Turn(verb)
        case [verb, ("intake" | "dispatch") as part] if verb in SWITCHES:
            return Turn(verb, part)
        case [tab, item] if tab in _ABOUT_ITEM:
            return Look(tab, item)
        case [tab] if tab in _ABOUT_ITEM:
            return Unclear(f":{tab} needs the id of an item or its beginning, as in :{tab} 3f9")
    return _unclear(words[0])


def completions(items: Sequence[str]) -> list[str]:
    """All that can be typed, for the suggestions: words, then items by id."""
    switches = [f"{verb}{part}" for verb in SWITCHES for part in ("", " intake", " dispatch")]
    return [*SCREENS, *switches, "stop all", "quit", *(f"{tab} {item}" for tab in _ABOUT_ITEM for item in items)]


def _unclear(word: str) -> Unclear:
    known = (*SCREENS, *SWITCHES, *_ABOUT_ITEM, *_QUIT, "stop")
    near = get_close_matches(word, known, 1)
    return Unclear(f"There is no :{word}" + (f"; did you mean :{near[0]}?" if near else "; ? shows what there is."))

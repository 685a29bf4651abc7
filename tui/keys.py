"""Keys by the id of what they do, so that `[keys]` of factory.toml can give other ones. Pure but for Textual's binding."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from textual.binding import Binding, BindingType

from factory.errors import InvalidInput

_NAMES = {
    "question_mark": "?", "colon": ":", "slash": "/", "exclamation_mark": "!", "plus": "+", "minus": "-", "space": "space",
    "left_square_bracket": "[", "right_square_bracket": "]", "full_stop": ".", "comma": ",",
}  # fmt: skip

SHARED = ("app.", "item.", "table.")
"""Ids that begin so hold on every screen with a table: two of them cannot have one key."""


def named(key: str) -> str:
    """A key as people write it: `^k`, `?`, `[`."""
    return f"^{key.removeprefix('ctrl+')}" if key.startswith("ctrl+") else _NAMES.get(key, key)


def by_id(bindings: Iterable[BindingType]) -> dict[str, Binding]:
    """Bindings that have an id."""
    return {binding.id: binding for binding in bindings if isinstance(binding, Binding) and binding.id}


def keymap(asked: Mapping[str, str], known: Mapping[str, Binding], place: str = "[keys]") -> dict[str, str]:
    """The keymap for Textual.

    Args:
        asked: id → key, or keys with commas between, as Textual names them: `k`, `ctrl+k`, `f5`, `plus`.
        known: all bindings that have an id.
        place: where they were written, for the sentence.

    Raises:
        InvalidInput: an id is not known, a key is none, or two things would have one key.
    """
    for name, keys in asked.items():
        if name not in known:
            near = get_close_matches(name, known, 1)
            raise InvalidInput(f"{place}: {name} is nothing that has a key; " + (f"did you mean {near[0]}?" if near else "? lists them."))
        if not all(part.strip() for part in keys.split(",")):
            raise InvalidInput(f'{place}: {name} has no key: write one as in "{known[name].key}".')
    _refuse_clashes(asked, known, place)
    return dict(asked)


def _refuse_clashes(asked: Mapping[str, str], known: Mapping[str, Binding], place: str) -> None:
    owners: dict[str, str] = {}
    # Those that were asked for come last, so that the sentence names them as the ones that are wrong.
    for name in (*(name for name in known if name not in asked), *asked):
        if not name.startswith(SHARED):
            continue
        for key in asked.get(name, known[name].key).split(","):
            owner = owners.setdefault(key.strip(), name)
            if owner != name and name in asked:
                raise InvalidInput(f"{place}: {name} cannot have {named(key.strip())}, which {owner} has; give that another key too.")

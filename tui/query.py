"""What `/` understands: `state:running repo:api !title words`. Pure.

Terms are separated by spaces and all must hold. `name:value` looks at one field, a bare word at all of them; `!` before a term turns it
round. Case does not matter, and a part of a word is enough. What is no known field is looked for as it stands, colon included.
"""

from collections.abc import Mapping
from dataclasses import dataclass

FIELDS = ("id", "state", "repo", "title", "engine", "prio", "actor", "type", "item", "file")


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. `field` is empty where any of them may hold the text."""

    field: str
    text: str
    inverted: bool = False

    def holds(self, fields: Mapping[str, str]) -> bool:
        values = [fields.get(self.field, "")] if self.field else list(fields.values())
        return any(self.text in value.casefold() for value in values) is not self.inverted


Query = tuple[Term, ...]


def parse(text: str) -> Query:
    """The terms of what was typed. Anything can be parsed; an empty query lets everything through."""
    return tuple(term for word in text.split() if (term := _term(word)) is not None)


def matches(query: Query, fields: Mapping[str, str]) -> bool:
    """Whether a row with these fields is to be shown."""
    return all(term.holds(fields) for term in query)


def _term(word: str) -> Term | None:
    inverted = word.startswith("!")
    word = word.removeprefix("!").casefold()
    if not word:
        return None
    field, colon, text = word.partition(":")
    if colon and field in FIELDS:
        return Term(field, text, inverted)
    return Term("", word, inverted)

"""Feature hashing: vectors without a model. Similar are texts that share words and parts of words; it knows no synonyms.

What is used where the weights of a real model are not installed, and labelled so wherever learnings are shown.
"""

import hashlib
import math
import re
from collections.abc import Iterator, Sequence

from factory.domain.learning import DIMENSIONS

_WORD = re.compile(r"\w+")
_PART = 3
"""Letters of a part of a word: "tests" and "testing" share two."""
_PART_WEIGHT = 0.4
"""Of a part beside a whole word: many of them together must not outweigh it."""


class Hashing:
    """The adapter of `learning_ports.Embedder` that needs nothing. The same text gives the same vector on every machine."""

    model = f"hashing-{DIMENSIONS}"

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [_vector(text) for text in texts]


def _vector(text: str) -> list[float]:
    sums = [0.0] * DIMENSIONS
    for feature, weight in _features(text):
        place, sign = _slot(feature)
        sums[place] += sign * weight
    length = math.sqrt(sum(value * value for value in sums))
    # A vector of zeros has no direction, and the database no distance to it.
    return [value / length for value in sums] if length else [1.0, *[0.0] * (DIMENSIONS - 1)]


def _features(text: str) -> Iterator[tuple[str, float]]:
    for word in _WORD.findall(text.casefold()):
        yield word, 1.0
        framed = f"<{word}>"
        for start in range(len(framed) - _PART + 1):
            yield f"#{framed[start : start + _PART]}", _PART_WEIGHT


def _slot(feature: str) -> tuple[int, float]:
    # Not hash(): that one is another in each process.
    number = int.from_bytes(hashlib.blake2b(feature.encode("utf-8", "replace"), digest_size=8).digest(), "big")
    return (number >> 1) % DIMENSIONS, 1.0 if number & 1 else -1.0

"""WordPiece as BERT's uncased vocabulary wants it: clean, lower, split at punctuation, then the longest known pieces."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path

MOST_TOKENS = 256
"""What the model was trained to look at."""

_LONGEST_WORD = 100
"""Characters; a longer one is unknown to the vocabulary anyway, and splitting it takes the square of its length."""
_REMEMBERED = 50_000
"""Words whose pieces are kept: a few megabytes."""
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_BLANK, _KEPT_CONTROLS = " \t\n\r", "\t\n\r"
_CJK = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)  # fmt: skip


class WordPiece:
    """Text to the numbers of its tokens."""

    def __init__(self, vocabulary: Path) -> None:
        words = vocabulary.read_text("utf-8").split("\n")
        self._numbers = {word: number for number, word in enumerate(words) if word}
        self._first, self._last, self._unknown = (self._numbers[name] for name in ("[CLS]", "[SEP]", "[UNK]"))
        self._pieces: dict[str, list[int]] = {}

    def tokens(self, text: str) -> list[int]:
        """At most `MOST_TOKENS`, the marks of beginning and end among them."""
        inner = [piece for word in _words(text) for piece in self._of_word(word)]
        return [self._first, *inner[: MOST_TOKENS - 2], self._last]

    def _of_word(self, word: str) -> list[int]:
        known = self._pieces.get(word)
        if known is None:
            known = self._split(word)
            if len(self._pieces) < _REMEMBERED:
                self._pieces[word] = known
        return known

    def _split(self, word: str) -> list[int]:
        pieces: list[int] = []
        start = 0
        while start < len(word) <= _LONGEST_WORD:
            end, number = self._longest(word, start)
            if number is None:
                return [self._unknown]
            pieces.append(number)
            start = end
        return pieces or [self._unknown]

    def _longest(self, word: str, start: int) -> tuple[int, int | None]:
        mark = "##" if start else ""
        for end in range(len(word), start, -1):
            number = self._numbers.get(mark + word[start:end])
            if number is not None:
                return end, number
        return start, None


def _words(text: str) -> Iterator[str]:
    word: list[str] = []
    for letter in _normal(text):
        apart = _is_punctuation(letter) or _is_cjk(letter)
        if (apart or letter.isspace()) and word:
            yield "".join(word)
            word.clear()
        if apart:
            yield letter
        elif not letter.isspace():
            word.append(letter)
    if word:
        yield "".join(word)


def _normal(text: str) -> str:
    """Lower case, without accents and control characters."""
    cleaned = "".join(" " if _is_blank(letter) else letter for letter in text if not _is_control(letter))
    apart = unicodedata.normalize("NFD", cleaned)
    return "".join(letter for letter in apart if unicodedata.category(letter) != "Mn").lower()


def _is_blank(letter: str) -> bool:
    return letter in _BLANK or unicodedata.category(letter) == "Zs"


def _is_control(letter: str) -> bool:
    return letter in {"\0", _REPLACEMENT} or (unicodedata.category(letter) in {"Cc", "Cf", "Cn", "Co"} and letter not in _KEPT_CONTROLS)


def _is_punctuation(letter: str) -> bool:
    # All signs of ASCII, also those that Unicode counts as symbols ($, +, ^).
    return (letter.isascii() and letter.isprintable() and not letter.isalnum() and letter != " ") or (
        unicodedata.category(letter)[0] == "P"
    )


def _is_cjk(letter: str) -> bool:
    return any(first <= ord(letter) <= last for first, last in _CJK)

"""Text from outside (titles, reasons, logs) must not steer the terminal that shows it."""

import re
import unicodedata
from functools import lru_cache

# Sequences that carry text of their own (titles, links, clipboards) go with that text, but never beyond their line:
# an opening without its end would otherwise hide the rest of a log.
_SEQUENCES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x9c|\x1b\\)?"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
# What is left of control characters, the marks that reorder text, and those that cannot be seen.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e007f\ud800-\udfff]"
)
_WIDE = frozenset("WF")


def clean(text: object) -> str:
    """The text without anything that a terminal would obey; line ends and tabs stay."""
    without = _SEQUENCES.sub("", str(text).replace("\r\n", "\n"))
    return _UNSEEN.sub("", without)


def clean_line(text: object, limit: int = 0) -> str:
    """The text as one line, cut to `limit` columns where that is not 0."""
    said = str(text)
    # Nearly all that is shown holds nothing to be cleaned, and a table says thousands of things a second.
    harmless = said.isascii() and said.isprintable()
    line = " ".join((said if harmless else clean(said.replace("\r", " "))).split())
    return cut(line, limit) if limit else line


def visible(line: str) -> str:
    """With everything that cannot be seen, or that a terminal would obey, as its escape: who approves has to see that it is there."""
    return "".join(letter if letter.isprintable() or letter == "\t" else letter.encode("unicode_escape").decode() for letter in line)


def width(text: str) -> int:
    """Columns that a terminal gives to it."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def cut(text: str, limit: int) -> str:
    """The text in at most `limit` columns, with an ellipsis where something is missing."""
    if width(text) <= limit:
        return text
    kept, room = "", limit - 1
    for character in text:
        room -= _columns(character)
        if room < 0:
            break
        kept += character
    return f"{kept}…"


@lru_cache(4_096)
def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1

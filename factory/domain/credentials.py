"""What looks like a credential in a line of text. Patterns first, then randomness where a name says that it is one."""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from types import MappingProxyType

MAX_LINE = 4_096
"""Characters of a line that are looked at, from its start and its end: minified files have lines of megabytes."""

_KINDS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "GitHub token": re.compile(r"gh[opsur]_[A-Za-z0-9]{30,}"),
        "GitHub fine-grained token": re.compile(r"github_pat_[A-Za-z0-9_]{22,}"),
        "Anthropic key": re.compile(r"sk-ant-[A-Za-z0-9_-]{16,}"),
        "AWS access key": re.compile(r"(?<![A-Z0-9])A[KS]IA[0-9A-Z]{16}(?![A-Z0-9])"),
        "private key": re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    }
)
_ASSIGNED = re.compile(
    r"[A-Za-z0-9_.-]*(?:KEY|TOKEN|SECRET|PASSWORD)[\"']?\s*(?::=|=>|[:=])\s*[\"'`]?(?P<value>[A-Za-z0-9+/_=-]{20,200})",
    re.IGNORECASE,
)
_GENERIC = "value that looks random"

_RANDOM_CHANGES = 0.34
"""Share of neighbours of different kinds (digit, lower case, upper case).

Random hexadecimal has 0.47, random base 64 0.6, words joined by underscores 0.1, CamelCase up to 0.31. Entropy was
tried and does not tell: words of this length reach 3.9 bits a character.
"""


def kinds(line: str) -> Iterator[str]:
    """The kinds of credentials that the line seems to hold, each once."""
    text = line if len(line) <= 2 * MAX_LINE else f"{line[:MAX_LINE]}\n{line[-MAX_LINE:]}"
    named = [kind for kind, pattern in _KINDS.items() if pattern.search(text)]
    yield from named
    if not named and any(_is_random(match["value"]) for match in _ASSIGNED.finditer(text)):
        yield _GENERIC


def _is_random(value: str) -> bool:
    letters = [letter for letter in value if letter.isalnum()]
    has_both = any(letter.isdigit() for letter in letters) and any(letter.isalpha() for letter in letters)
    changes = sum(_sort(one) != _sort(other) for one, other in pairwise(letters))
    return has_both and changes >= _RANDOM_CHANGES * len(letters)


def _sort(letter: str) -> str:
    if letter.isdigit():
        return "digit"
    return "upper" if letter.isupper() else "lower"

"""Durations as people write them: a number and its unit."""

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WRITTEN = re.compile(r"\s*([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*(ms|s|m|h|d)\s*")
_SHOWN = (("d", 86400), ("h", 3600), ("m", 60))


def parse_duration(text: str) -> float:
    """Seconds in `500ms`, `60s`, `5m`, `2h` or `1d`.

    Raises:
        ValueError: it has no unit, or is no such text. The message is the end of a sentence.
    """
    match = _WRITTEN.fullmatch(text)
    if not match:
        raise ValueError('is no duration: write a number and its unit, as in "500ms", "60s", "5m" or "2h"')
    return float(match[1]) * _SECONDS[match[2]]


def show_duration(seconds: float) -> str:
    """The two largest units that count, as in `3m 20s`; tenths only below ten seconds."""
    if seconds < 10:  # noqa: PLR2004 - below it a tenth tells something
        return f"{max(seconds, 0.0):.1f}s"
    rest = round(seconds)
    for place, (unit, size) in enumerate(_SHOWN):
        if rest >= size:
            lower, lower_size = _SHOWN[place + 1] if place + 1 < len(_SHOWN) else ("s", 1)
            return f"{rest // size}{unit} {rest % size // lower_size}{lower}"
    return f"{rest}s"

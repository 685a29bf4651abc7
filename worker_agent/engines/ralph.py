"""The user's own `ralph`: it works on a spec by itself and tells in lines how it goes: `iteration: N`, `edit: FILE`, `tokens: N`."""

import re

from worker_agent.engines.spoken import Entry, Said

_LINE = re.compile(rb"(?P<key>iteration|edit|tokens): (?P<value>\S.*?)\s*")
_NUMBER = re.compile(rb"[0-9]{1,12}")


def understand(line: bytes) -> Said | None:
    """What is no such line is talk."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    if match["key"] == b"edit":
        return Said(edits=1)
    if not _NUMBER.fullmatch(match["value"]):
        return None
    number = int(match["value"])
    return Said(iterations=number) if match["key"] == b"iteration" else Said(counter=number)


# Its exit status is all that it says about its end.
RALPH = Entry("ralph", ("ralph", "run", "--headless", "--spec", "{spec}"), understand, says_its_end=False)

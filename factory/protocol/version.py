"""The wire's version: the same major is required, unknown fields are ignored."""

MAJOR = 1
MINOR = 1
VERSION = f"{MAJOR}.{MINOR}"
WAYS_OUT = 1
"""The minor that ways out of other machines' workers came with."""


def at_least(version: str, minor: int) -> bool:
    """Whether a peer that says `version` knows what came with this minor."""
    said = version.partition(".")[2]
    return compatible(version) and said.isdecimal() and int(said) >= minor


def compatible(version: str) -> bool:
    """Whether a peer that says `version` can be talked to."""
    return version.partition(".")[0] == str(MAJOR)

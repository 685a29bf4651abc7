"""The wire's version: the same major is required, unknown fields are ignored."""

MAJOR = 1
MINOR = 1
VERSION = f"{MAJOR}.{MINOR}"


def compatible(version: str) -> bool:
    """Whether a peer that says `version` can be talked to."""
    return version.partition(".")[0] == str(MAJOR)

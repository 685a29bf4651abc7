"""What git's words mean: try again later, or a person has to change something.

Git has one exit code for all of it, so the text decides (LC_ALL=C keeps it stable). What is not known counts as passing:
trying again costs little, giving up a finished result costs all of it.
"""

import re
from collections.abc import Sequence

from factory.errors import FactoryError, RepositoryRefused, RepositoryUnavailable

_MAX_SENTENCE = 300
_LISTED = 10
"""Branches named where the one asked for is missing."""

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
"""Users put tokens into URLs, and sentences end up in logs, events and on screens."""

_REFUSED: Sequence[tuple[str, str]] = (
    (r"does not appear to be a git repository|not a git repository", "there is no git repository"),
    (r"repository .*not found|Repository not found|project .*not be found", "there is none that these credentials can see"),
    (r"dubious ownership", "it belongs to another user of this machine, and git does not trust it"),
    (
        r"Authentication failed|could not read (?:Username|Password)|Permission denied \(|Invalid username or (?:password|token)",
        "it asks for credentials that git does not have; set up a credential helper or an ssh key",
    ),
    (r"returned error: 40[13]|Permission to .* denied|Permission denied", "these credentials may not do that"),
    (r"Host key verification failed", "its ssh host key is not known; connect to it by hand once"),
    (r"transport '?.*'? not allowed|[Uu]nable to find remote helper|is not a git command", "git does not speak its protocol here"),
)
_PASSING: Sequence[tuple[str, str]] = (
    (r"No space left on device|Disk quota exceeded|Out of diskspace", "the disk is full"),
    (r"[Oo]ut of memory|Cannot allocate memory|mmap failed", "git needs more memory for it than it may have"),
    (r"Could not resolve|Name or service not known", "its host name is not known right now"),
    (r"timed out|Operation too slow", "it does not answer"),
    (r"Connection refused|Failed to connect|Network is unreachable|No route to host", "it cannot be reached"),
)


def plain(repo: str) -> str:
    """The repository's name for a person, without credentials."""
    return _CREDENTIALS.sub("", repo)


def remote_error(repo: str, errors: str) -> FactoryError:
    """The error that a failure of a remote operation is."""
    for pattern, meaning in _REFUSED:
        if re.search(pattern, errors):
            return RepositoryRefused(f"{plain(repo)}: {meaning} (git: {gist(errors)}).")
    for pattern, meaning in _PASSING:
        if re.search(pattern, errors):
            return RepositoryUnavailable(f"{plain(repo)}: {meaning}.")
    return RepositoryUnavailable(f"{plain(repo)} cannot be used right now (git: {gist(errors)}).")


def is_disk_full(errors: str) -> bool:
    return re.search(_PASSING[0][0], errors) is not None


def gist(errors: str) -> str:
    """What git itself calls the error, in one line without credentials."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "ERROR:", "remote: error", "! "))]
    text = (telling or lines or ["no message"])[0]
    return _CREDENTIALS.sub("", text)[:_MAX_SENTENCE].rstrip(".")


def missing_branch(repo: str, branch: str, there: Sequence[str]) -> RepositoryRefused:
    """The base branch is not there; says which ones are."""
    if not there:
        return RepositoryRefused(f"{plain(repo)} has no commit yet; push one to {branch!r} first.")
    more = f" and {len(there) - _LISTED} more" if len(there) > _LISTED else ""
    return RepositoryRefused(f"{plain(repo)} has no branch {branch!r}; there are {', '.join(there[:_LISTED])}{more}.")

"""What the command line wants to know of a repository before it is handed over, and nothing is changed by asking."""

import os
import re
import subprocess
from pathlib import Path

from factory.domain import large_files
from factory.domain.forge import github, token_of, with_token
from factory.domain.repository_address import OBJECTION, holds_secret
from factory.errors import InvalidInput, RepositoryUnavailable

_LOCAL_SECONDS = 20
_REMOTE_SECONDS = 60
"""A handshake with a far host, and one that asks for a second factor."""

_SCP_LIKE = re.compile(r"(?:[^/@\s]+@)?[^/:\s]+:(?!//).+")
_LISTED = 10
"""Branches named where the one asked for is missing."""
_PASSING = re.compile(r"Could not resolve|not known|timed out|too slow|Connection refused|Failed to connect|unreachable|No route to host")
"""What may be different in a moment; everything else a person has to mend."""
_HEAD = re.compile(r"^ref: refs/heads/(\S+)\tHEAD$", re.MULTILINE)


def repository(text: str) -> str:
    """The repository as the factory shall know it: an absolute path, or the URL as it is; for a checkout its remote `origin`.

    A branch is meant to be pushed where the others of the project are, which is not somebody's working folder.

    Raises:
        InvalidInput: a path that is no git repository, or a URL with a password or a token in it.
    """
    if _is_url(text):
        if holds_secret(text):
            raise InvalidInput(f"--repo {OBJECTION}.")
        return text
    folder = Path(text).expanduser().absolute()
    if not folder.is_dir():
        raise InvalidInput(f"--repo: there is no folder {folder}.")
    bare = _git(folder, "rev-parse", "--is-bare-repository")
    if bare.returncode:
        raise InvalidInput(f"--repo: {folder} is no git repository ({_gist(bare.stderr)}).")
    if bare.stdout.strip() == "true":
        return _git(folder, "rev-parse", "--absolute-git-dir").stdout.rstrip("\n")
    own = _git(folder, "rev-parse", "--show-toplevel").stdout.rstrip("\n")
    # `remote get-url` knows about insteadOf, which a plain look into the configuration does not.
    origin = _git(folder, "remote", "get-url", "origin")
    if origin.returncode:
        return own
    url = origin.stdout.strip()
    return repository(url if _is_url(url) else str(Path(own, url)))


def default_branch(repo: str) -> str:
    """The branch that the repository's HEAD names.

    Raises:
        InvalidInput: there is none, or the repository is not there.
        RepositoryUnavailable: it cannot be reached now.
    """
    return _branch_of_url(repo) if _is_url(repo) else _branch_of_folder(Path(repo))


def require_branch(repo: str, branch: str) -> None:
    """Raises `InvalidInput` where a repository on this machine has no such branch; a far one is asked when it is cloned."""
    if _is_url(repo):
        return
    if _git(Path(repo), "rev-parse", "--verify", "-q", f"refs/heads/{branch}").returncode:
        there = _git(Path(repo), "for-each-ref", f"--count={_LISTED}", "--format=%(refname:lstrip=2)", "refs/heads/").stdout.split()
        if not there:
            raise InvalidInput(f"--repo: {repo} has no commit yet; make one on {branch} first.")
        raise InvalidInput(f"--base: {repo} has no branch {branch} with a commit on it; there is {', '.join(there)}.")


def refuse_lfs(repo: str, branch: str) -> None:
    """Raises `InvalidInput` where a repository on this machine needs Git LFS; a far one is looked at when it is cloned."""
    found = None if _is_url(repo) else _git(Path(repo), *large_files.LOOK, f"refs/heads/{branch}", *large_files.WHERE)
    if found and found.returncode == 0:
        raise InvalidInput(f"--repo: {large_files.sentence(repo, found.stdout)}")


def left_behind(text: str, base: str) -> str:
    """What a checkout holds that a worker will not see, as a sentence; empty where there is nothing."""
    folder = Path(text).expanduser()
    if _is_url(text):
        return ""
    if _git(folder, "status", "--porcelain", "--untracked-files=no").stdout:
        return f"{text} has uncommitted changes; the worker starts from the last commit of {base}, without them."
    ahead = _git(folder, "rev-list", "--count", f"refs/remotes/origin/{base}..refs/heads/{base}")
    if ahead.returncode == 0 and ahead.stdout.strip() != "0":
        return f"{base} is ahead of its remote by {ahead.stdout.strip()} in {text}; push first, or the worker starts without that."
    return ""


def _branch_of_folder(folder: Path) -> str:
    head = _git(folder, "symbolic-ref", "--short", "-q", "HEAD")
    if head.returncode:
        raise InvalidInput(f"{folder} has no branch checked out: name the one to start from with --base.")
    return head.stdout.strip()


def _branch_of_url(url: str) -> str:
    try:
        listed = _run(["ls-remote", "--symref", "--", url, "HEAD"], None, _REMOTE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise RepositoryUnavailable(f"{url} did not answer within {_REMOTE_SECONDS} s; --base BRANCH does not ask it.") from error
    if listed.returncode:
        kind = RepositoryUnavailable if _PASSING.search(listed.stderr) else InvalidInput
        raise kind(f"--repo: {url} cannot be read ({_gist(listed.stderr)}).")
    match = _HEAD.search(listed.stdout)
    if not match:
        raise InvalidInput(f"{url} names no branch as its default, or is empty: name one with --base.")
    return match[1]


def _is_url(text: str) -> bool:
    return "://" in text or (bool(_SCP_LIKE.fullmatch(text)) and not Path(text).expanduser().exists())


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return _run(list(arguments), folder, _LOCAL_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise RepositoryUnavailable(f"git did not answer within {_LOCAL_SECONDS} s in {folder}.") from error


def _run(arguments: list[str], folder: Path | None, timeout: float) -> subprocess.CompletedProcess[str]:
    # GIT_DIR and its like are set inside hooks, and would make every folder look like that repository.
    kept = {name: value for name, value in os.environ.items() if name not in _REDIRECTING}
    environment = {**kept, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=environment if folder else _with_token(environment, arguments),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=timeout,
    )


def _with_token(environment: dict[str, str], arguments: list[str]) -> dict[str, str]:
    """As delivery reaches a far repository: with GITHUB_TOKEN where that is for it."""
    try:
        place, token = github(environment), token_of(environment)
    except ValueError as error:
        raise InvalidInput(f"{error}.") from None
    is_for_it = token and any(map(place.takes_token, arguments))
    return with_token(environment, place.web, token) if is_for_it else environment


_REDIRECTING = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"})


def _gist(text: str) -> str:
    """What git itself calls the error: its last lines are advice."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "ERROR:"))]
    return (telling or lines or ["git gave no reason"])[0].rstrip(".")

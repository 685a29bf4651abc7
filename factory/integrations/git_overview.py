"""What a repository holds, for who plans work in it: the adapter of `spec_ports.RepositoryReader`, on delivery's mirrors."""

from pathlib import Path

from factory.domain import credentials
from factory.domain.ids import Commit
from factory.domain.spec_prompt import listing
from factory.errors import RepositoryRefused, RepositoryUnavailable
from factory.integrations.git_command import GitTimeout, OutputTooLarge, git
from factory.integrations.git_errors import gist, plain
from factory.integrations.git_mirror import Mirrors
from factory.integrations.git_remote import Remotes
from factory.protocol.spec_mail import (
    DOCUMENT_CHARACTERS,
    MAX_SUBJECT,
    MOST_COMMITS,
    TREE_CHARACTERS,
    ShownRepository,
    ShowRepository,
)

READ_SECONDS = 60.0
LIST_BYTES = 16 * 1024 * 1024
"""Of a list of files, some hundred thousand of them; of more only the folders at the top are told."""

_READMES = ("readme.md", "readme.rst", "readme.txt", "readme")
"""In lower case; the first one there is."""
_FOR_AGENTS = ("CLAUDE.md", "AGENTS.md")
_MASK = "(a line that looks as if it held a credential is left out)"


class RepositoryOverviews:
    """Reads by git.

    Args:
        mirrors: folder of the mirrors.
        remotes: how a mirror is brought up to date.
    """

    def __init__(self, mirrors: Path, remotes: Remotes = Remotes()) -> None:  # noqa: B008 - frozen
        self._mirrors = Mirrors(mirrors, remotes)

    def show(self, asked: ShowRepository) -> ShownRepository:
        mirror, commit = self._mirrors.refresh(asked.repo, asked.base_branch)
        top = _names(asked.repo, mirror, "ls-tree", "-z", "--name-only", commit)
        documents = tuple(self._documents(asked.repo, commit, top))
        return ShownRepository(
            commit, listing(_files(asked.repo, mirror, commit, top), TREE_CHARACTERS), documents, _commits(asked.repo, mirror, commit)
        )

    def _documents(self, repo: str, commit: Commit, top: list[str]) -> list[tuple[str, str]]:
        by_lower = {name.lower(): name for name in top}
        readme = next((by_lower[name] for name in _READMES if name in by_lower), None)
        wanted = [name for name in (readme, *_FOR_AGENTS) if name in top and name is not None]
        texts = ((name, self._text(repo, commit, name)) for name in wanted)
        return [(name, _cut(_masked(text))) for name, text in texts if text.strip()]

    def _text(self, repo: str, commit: Commit, name: str) -> str:
        try:
            return self._mirrors.read(repo, commit, name) or ""
        except RepositoryRefused:
            return ""  # a link or a folder of that name, or megabytes: nothing that anybody would read


def _files(repo: str, mirror: Path, commit: Commit, top: list[str]) -> list[str]:
    try:
        return _names(repo, mirror, "ls-tree", "-r", "-z", "--name-only", commit)
    except OutputTooLarge:
        return top


def _commits(repo: str, mirror: Path, commit: Commit) -> tuple[str, ...]:
    subjects = _names(repo, mirror, "log", "-z", f"--max-count={MOST_COMMITS}", "--format=%s", commit, "--")
    return tuple(subject[:MAX_SUBJECT] for subject in subjects if not any(credentials.kinds(subject)))


def _names(repo: str, mirror: Path, *arguments: str) -> list[str]:
    try:
        ended = git(mirror, arguments, timeout=READ_SECONDS, limit=LIST_BYTES)
    except GitTimeout:
        raise RepositoryUnavailable(f"git {arguments[0]} took longer than {READ_SECONDS:g} s.") from None
    if ended.code != 0:
        raise RepositoryUnavailable(f"The copy of {plain(repo)} cannot be read (git: {gist(ended.errors)}).")
    return [name for name in ended.text.split("\0") if name]


def _cut(text: str) -> str:
    left_out = len(text) - DOCUMENT_CHARACTERS
    return text if left_out <= 0 else f"{text[:DOCUMENT_CHARACTERS]}\n({left_out:,} characters are left out)"


def _masked(text: str) -> str:
    return "\n".join(_MASK if any(credentials.kinds(line)) else line for line in text.splitlines())

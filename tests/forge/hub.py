"""What the stand-in knows: repositories, pull requests and comments, kept in one folder so that it may be killed like anything else.

repositories/<owner>/<name>.git     real bare repositories
pulls.json                          pull requests and comments, written as a whole
ledger.jsonl                        every ref update, pull request, comment and failure that took effect, in order
"""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_GIT_SECONDS = 30


class Unprocessable(Exception):
    """GitHub's 422: the errors, as it lists them."""

    def __init__(self, *errors: dict[str, str]) -> None:
        super().__init__(errors)
        self.errors = list(errors)


class Missing(Exception):
    """GitHub's 404."""


@dataclass(slots=True)
class Pull:
    """`sha` is kept up to date while it is open, and stays as it was when it is closed."""

    repo: str
    number: int
    head: str
    base: str
    title: str
    body: str
    sha: str
    state: str = "open"
    merged: bool = False
    comments: list[str] = field(default_factory=list)


class Hub:
    """One lock for all: whoever holds it sees and changes everything at once, as in a database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._repositories = folder / "repositories"
        self._repositories.mkdir(parents=True, exist_ok=True)
        self._file, self._ledger = folder / "pulls.json", folder / "ledger.jsonl"
        self._turn = threading.RLock()
        self._pulls = [Pull(**one) for one in json.loads(self._file.read_text())] if self._file.exists() else []

    @property
    def root(self) -> Path:
        return self._repositories

    # -- repositories -------------------------------------------------------------------------------------------------

    def path(self, repo: str) -> Path:
        path = self._repositories / f"{repo}.git"
        if not (path / "HEAD").is_file():
            raise Missing(repo)
        return path

    def number_of(self, repo: str) -> int:
        """A repository's id, the same for as long as it is there."""
        return self.path(repo).stat().st_ino

    def heads(self, repo: str) -> dict[str, str]:
        listed = _git(self.path(repo), "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads")
        return dict(tuple(line.split(" ")) for line in listed.splitlines())  # type: ignore[misc] # each line has two words

    @contextmanager
    def pushing(self, repo: str) -> Iterator[None]:
        """Notes what becomes of the refs meanwhile."""
        with self._turn:
            before = self.heads(repo)
            yield
            after = self.heads(repo)
            for ref in sorted(before.keys() | after.keys()):
                if before.get(ref) != after.get(ref):
                    self.note("ref", repo=repo, ref=ref, old=before.get(ref), new=after.get(ref))
            self._follow(repo)

    # -- pull requests ------------------------------------------------------------------------------------------------

    def pulls(self, repo: str, *, state: str = "open", head: str = "") -> list[Pull]:
        """Newest first. As GitHub does, a `head` that is no `owner:branch` filters nothing."""
        owner, colon, branch = head.partition(":")
        with self._turn:
            self._follow(repo)
            found = [one for one in self._pulls if one.repo == repo and state in {"all", one.state}]
            if colon:
                found = [one for one in found if owner == repo.partition("/")[0] and one.head == branch]
        return sorted(found, key=lambda one: -one.number)

    def pull(self, repo: str, number: int) -> Pull:
        with self._turn:
            self._follow(repo)
            found = next((one for one in self._pulls if (one.repo, one.number) == (repo, number)), None)
        if found is None:
            raise Missing(f"{repo}#{number}")
        return found

    def create(self, repo: str, given: dict[str, Any]) -> Pull:
        with self._turn:
            self._follow(repo)
            heads = self.heads(repo)
            head, base = str(given.get("head", "")).rpartition(":")[2], str(given.get("base", ""))
            self._check_new(repo, heads, head, base)
            number = 1 + sum(one.repo == repo for one in self._pulls)
            made = Pull(repo, number, head, base, str(given.get("title", "")), str(given.get("body") or ""), heads[head])
            self._pulls.append(made)
            self._save()
            self.note("pull", repo=repo, number=number, head=head, sha=made.sha)
            return made

    def change(self, repo: str, number: int, given: dict[str, Any]) -> Pull:
        with self._turn:
            pull = self.pull(repo, number)
            for name in ("title", "body", "base", "state"):
                setattr(pull, name, str(given.get(name, getattr(pull, name))))
            self._save()
            self.note("edit", repo=repo, number=number, fields=sorted(given))
            return pull

    def comment(self, repo: str, number: int, body: str) -> int:
        with self._turn:
            pull = self.pull(repo, number)
            pull.comments.append(body)
            self._save()
            self.note("comment", repo=repo, number=number, body=body)
            return len(pull.comments)

    def merge(self, repo: str, number: int) -> Pull:
        """What a person does with the button: merged, without a commit of its own, since nobody here looks at the base."""
        with self._turn:
            pull = self.pull(repo, number)
            pull.state, pull.merged = "closed", True
            self._save()
            return pull

    def _follow(self, repo: str) -> None:
        """Pull requests follow their branch, whoever moved it, and are closed with it."""
        heads = self.heads(repo)
        for pull in self._pulls:
            if pull.repo == repo and pull.state == "open":
                pull.sha = heads.get(pull.head, pull.sha)
                pull.state = "open" if pull.head in heads else "closed"
        self._save()

    def _check_new(self, repo: str, heads: dict[str, str], head: str, base: str) -> None:
        for name, branch in (("head", head), ("base", base)):
            if branch not in heads:
                raise Unprocessable({"resource": "PullRequest", "field": name, "code": "invalid"})
        if heads[head] == heads[base]:
            raise Unprocessable({"resource": "PullRequest", "code": "custom", "message": f"No commits between {base} and {head}"})
        if any((one.repo, one.state, one.head, one.base) == (repo, "open", head, base) for one in self._pulls):
            owner = repo.partition("/")[0]
            raise Unprocessable(
                {"resource": "PullRequest", "code": "custom", "message": f"A pull request already exists for {owner}:{head}."}
            )

    # -- ledger -------------------------------------------------------------------------------------------------------

    def note(self, what: str, **more: Any) -> None:
        with self._turn, self._ledger.open("a") as ledger:
            ledger.write(json.dumps({"what": what, **more}) + "\n")

    def _save(self) -> None:
        fresh = self._file.with_suffix(".tmp")
        fresh.write_text(json.dumps([asdict(one) for one in self._pulls]))
        fresh.replace(self._file)


def _git(repository: Path, *arguments: str) -> str:
    command = ["git", f"--git-dir={repository}", "-c", "safe.directory=*", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=_GIT_SECONDS).stdout

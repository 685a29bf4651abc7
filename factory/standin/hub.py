"""What the stand-in knows, behind one lock: whoever holds it sees and changes everything at once, as in a database."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from factory.clock import SystemClock
from factory.standin.bare import Bare
from factory.standin.model import Event, Hook, Issue, Person, Repository
from factory.standin.refusals import Missing
from factory.standin.store import Store
from factory.standin.webhooks import Courier

BOT = "factory-bot"
"""The login of the tokens that the server is started with; it may write everywhere."""


class Hub:
    """Attributes: base: its own address, once it is known. turn: whoever calls anything else here holds it.

    ahead: seconds by which its clock was put forward.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "repositories"
        self.root.mkdir(parents=True, exist_ok=True)
        self.base = ""
        self.ahead = 0.0
        self.turn = threading.RLock()
        self.store = Store(folder / "state.jsonl")
        self._ledger = _opened(folder / "ledger.jsonl")
        self._writing = threading.Lock()
        self.courier = Courier(self.note)

    def close(self) -> None:
        self.courier.close()
        self.store.close()
        self._ledger.close()

    # -- time and ledger ----------------------------------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        """Since 1970."""
        return SystemClock().now() + self.ahead

    @property
    def now(self) -> str:
        return stamp(self.seconds)

    def note(self, what: str, **more: Any) -> None:
        with self._writing:
            self._ledger.write(json.dumps({"what": what, **more}) + "\n")

    # -- repositories and people --------------------------------------------------------------------------------------

    def bare(self, repo: str) -> Bare:
        path = self.root / f"{repo}.git"
        if not (path / "HEAD").is_file():
            raise Missing
        return Bare(path)

    def number_of(self, repo: str) -> int:
        """A repository's id, the same for as long as it is there."""
        return self.bare(repo).path.stat().st_ino

    def repositories(self, owner: str) -> list[str]:
        return sorted(f"{owner}/{path.stem}" for path in (self.root / owner).glob("*.git"))

    def repository(self, repo: str) -> Repository:
        self.bare(repo)
        return self.store.get(Repository, repo) or Repository(repo)

    def role(self, repo: Repository, login: str) -> str:
        person = self.store.get(Person, login)
        if login == repo.owner:
            return "admin"
        given = repo.roles.get(login, person.role if person else "none")
        return "read" if given == "none" and not repo.private else given

    # -- issues and pull requests -------------------------------------------------------------------------------------

    def issues(self, repo: str) -> list[Issue]:
        return [one for one in self.store.all(Issue) if one.repo == repo]

    def issue(self, repo: str, number: int) -> Issue:
        found = self.store.get(Issue, f"{repo}#{number}")
        if found is None:
            raise Missing
        return found

    def new_issue(self, repo: str, title: str, body: str, author: str) -> Issue:
        """With the next number, which issues and pull requests share. Not kept before it is `touched`."""
        number = 1 + max((one.number for one in self.issues(repo)), default=0)
        return Issue(repo, number, title, body, author, self.now, self.now)

    def touched(self, issue: Issue) -> None:
        """Keeps what was changed of it."""
        issue.updated = self.now
        self.store.put(issue)

    def happened(self, issue: Issue, what: str, actor: str, **more: Any) -> None:
        """A line of its timeline; `touched` keeps it."""
        issue.events.append(Event(self.store.fresh_id(), what, actor, self.now, more))

    # -- pushes -------------------------------------------------------------------------------------------------------

    @contextmanager
    def pushing(self, repo: str, login: str) -> Iterator[None]:
        """Notes what becomes of the refs meanwhile."""
        with self.turn:
            before = self.bare(repo).heads()
            yield
            after = self.bare(repo).heads()
            for ref in sorted(before.keys() | after.keys()):
                if before.get(ref) != after.get(ref):
                    self.note("ref", repo=repo, ref=ref, old=before.get(ref), new=after.get(ref))
                    self.tell("push", repo, login, ref=f"refs/heads/{ref}", before=before.get(ref) or _NONE, after=after.get(ref) or _NONE)

    # -- webhooks -----------------------------------------------------------------------------------------------------

    def tell(self, event: str, repo: str, login: str, **payload: Any) -> None:
        """Sends it to every hook that wants it, after the answer or before: nobody may rely on either."""
        from factory.standin import answers  # noqa: PLC0415 - it shapes what this module keeps

        hooks = [hook for hook in self.store.all(Hook) if not hook.events or event in hook.events]
        if not hooks:
            return
        common = {"repository": answers.repository(self, repo), "sender": answers.user(self, login)}
        for hook in hooks:
            installation = {"installation": {"id": hook.installation}} if hook.installation else {}
            self.courier.send(hook, event, {**payload, **common, **installation})


_NONE = "0" * 40


def _opened(ledger: Path) -> TextIO:
    """For more lines, without the torn one of whoever was killed while it wrote."""
    if ledger.exists():
        whole = ledger.read_bytes().rpartition(b"\n")
        os.truncate(ledger, len(whole[0] + whole[1]))
    return ledger.open("a", buffering=1)


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

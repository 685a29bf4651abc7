"""The way of an issue on a GitHub of this machine, from its label to the merge, and what there has to be of it at the end."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from factory.standin.person import Person
from tests.real_factory import RealFactory, check_trail, real_factory
from tests.repositories import Remote
from tests.standin import TOKEN, StandIn, stand_in
from tests.waiting import eventually

REPO, LABEL = "acme/widgets", "ai-factory"
SETTINGS = {"FACTORY_REPOS": REPO, "FACTORY_POLL_INTERVAL": "1s", "FACTORY_FOLLOW_INTERVAL": "1s"}
SECONDS = 90.0
"""For one step, also where it is begun again by a process that was started anew: the bound, not the expectation."""

BOXES = "# Say hello\n\n- [ ] one\n- [ ] two\n"
"""An issue with boxes is its own spec."""
AGENT = """#!/bin/sh
set -e
for line in $(grep -n -- '- \\[ \\]' "$FACTORY_SPEC" | cut -d: -f1); do
    sed -n "${line}p" "$FACTORY_SPEC" >> out.txt
    git add out.txt
    git commit -qm "line $line"
    sed -i "${line}s/\\[ \\]/[x]/" "$FACTORY_SPEC"
done
echo "Learnt at $(git rev-parse HEAD)" >> "$FACTORY_NOTES/new-learnings.md"
"""
"""Does each open task in a commit of its own, all of them in one go."""

T = TypeVar("T")
_MARK = re.compile(r"<!-- ai-factory:(\w+):([\w-]+) -->")


@dataclass
class Scene:
    """A repository there, its people, and a factory that takes its labelled issues up.

    Attributes:
        meanwhile: is called again and again while something is waited for.
    """

    standin: StandIn
    remote: Remote
    factory: RealFactory
    meanwhile: Callable[[], None] = lambda: None

    @cached_property
    def ada(self) -> Person:
        """May write."""
        return self.standin.person("ada", REPO)

    @cached_property
    def checks(self) -> Person:
        return self.standin.checks(REPO)

    # -- steps --------------------------------------------------------------------------------------------------------

    def open_issue(self, title: str = "Say hello", body: str = BOXES) -> int:
        """As somebody wrote it who may only read; Ada puts the label on it."""
        eve = self.standin.person("eve", REPO, "read")
        number = eve.open_issue(title, body)
        self.ada.label(number, LABEL)
        return number

    def item(self, issue: int) -> str:
        """Waits until it has one."""

        def there() -> str:
            rows = self.factory.rows("SELECT item FROM issues JOIN work_items ON id = item WHERE key = %s", f"github:{REPO}#{issue}")
            return str(rows[0]["item"]) if rows else ""

        return self.until(there, f"issue {issue} is an item")

    def in_review(self, item: str, after: str = "") -> str:
        """Waits until another commit than the one before is in review, and returns it. How many attempts it took is nobody's promise."""

        def there() -> str:
            if not self._is(item, "in_review"):
                return ""
            head = str(self.factory.rows("SELECT head FROM pull_requests WHERE item = %s", item)[0]["head"])
            return head if head != after else ""

        return self.until(there, f"another commit than {after or 'none'} is in review")

    def fail_check(self, head: str) -> None:
        self.checks.check_run(head, "failure", "docs", "README.md does not name the files")

    def merge(self, item: str) -> None:
        """Green, approved and merged, by a person."""
        pull = self.pull(item)
        self.checks.check_run(pull["sha"])
        self.ada.review(pull["number"])
        self.ada.merge(pull["number"])

    def done(self, issue: int, item: str) -> None:
        """Waits until the item is, and the issue shows it."""
        self.until(lambda: self._is(item, "completed"), "the item is completed")
        self.until(lambda: self.labels(issue) == [f"{LABEL}-done"] and "done" in self.said(issue), f"issue {issue} is done")
        self.until(lambda: self._is_settled(issue, item), f"the factory knows that issue {issue} is done")

    def _is(self, item: str, status: str) -> bool:
        row = self.factory.item(item)
        ended = {"completed", "failed", "cancelled", "stuck", "needs_approval"} - {status}
        assert row["status"] not in ended, f"{row} {self.factory.log()}"
        return bool(row["status"] == status)

    def _is_settled(self, issue: int, item: str) -> bool:
        """Whether nothing about it is left to be done."""
        open_issues = self.factory.rows("SELECT key FROM issues WHERE number = %s AND (is_pending OR shown <> 'done')", issue)
        return not (open_issues or self.factory.rows("SELECT kind FROM issue_comments WHERE item = %s AND written_at IS NULL", item))

    def until(self, predicate: Callable[[], T], what: str) -> T:
        def there() -> T:
            self.meanwhile()
            return predicate()

        return eventually(there, SECONDS, lambda: f"{what}: {self._state()}")

    def _state(self) -> str:
        """For whoever reads of a failure."""
        told = [[entry["event"], entry["action"], entry["status"]] for entry in self.standin.ledger("delivery")]
        calls = [entry["route"] for entry in self.standin.ledger("call")][-20:]
        return f"{self.rows('issues')} {self.rows('work_items')} webhooks: {told} calls: {calls} {self.factory.log()}"

    # -- what there is ------------------------------------------------------------------------------------------------
    # Of the stand-in's own files: nothing that a test looks at is a call of the API.

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.factory.rows(f"SELECT * FROM {table}")  # noqa: S608 - a test's own word

    def pull(self, item: str) -> dict[str, Any]:
        (found,) = [one for one in self.standin.pulls() if one["head"] == f"factory/{item}"]
        return found

    def issue(self, number: int) -> dict[str, Any]:
        (found,) = [one for one in self.standin.issues() if one["number"] == number]
        return found

    def labels(self, issue: int) -> list[str]:
        labels: list[str] = self.issue(issue)["labels"]
        return labels

    def said(self, issue: int) -> Counter[str]:
        """Kinds of comments that were ever written on it, from the ledger."""
        written = [entry["body"] for entry in self.standin.ledger("comment") if (entry["repo"], entry["number"]) == (REPO, issue)]
        return Counter(kind for body in written for _, kind in _MARK.findall(body))

    def check(self, issue: int, item: str, *heads: str) -> None:
        """That everything is there, and once: these commits, pull request, label, comments of each kind, and the item with its trail."""
        branch = f"factory/{item}"
        made = [entry for entry in self.standin.ledger("pull") if entry["head"] == branch]
        pushed = [entry["new"] for entry in self.standin.ledger("ref") if entry["ref"] == branch]
        items = self.factory.rows("SELECT item FROM issues WHERE number = %s", issue)
        row, pull = self.factory.item(item), self.pull(item)
        assert (len(made), len(items)) == (1, 1), (made, items)
        assert pushed == list(heads), "each result was pushed once, in order"
        assert (pull["merged"], pull["sha"]) == (True, heads[-1])
        assert row["pr_url"] == f"{self.standin.api}/{REPO}/pull/{pull['number']}"
        assert f"Closes {REPO}#{issue}\n" in pull["body"]
        assert self.issue(issue)["state"] == "closed"
        assert self.labels(issue) == [f"{LABEL}-done"]
        assert self.said(issue) == {"taken": 1, "done": 1}
        assert (row["status"], row["reworks"], row["attempts"]) == ("completed", len(heads) - 1, 0)
        check_trail(self.factory, item)

    def check_refs(self, *items: str) -> None:
        """That nothing else was ever pushed."""
        assert set(self.remote.branches()) == {"refs/heads/main", *(f"refs/heads/factory/{item}" for item in items)}
        ours = {entry["ref"] for entry in self.standin.ledger("ref")}
        assert ours <= {"main", *(f"factory/{item}" for item in items)}


Settings = Mapping[str, str]


def by_token(standin: StandIn) -> Settings:
    """What logs a factory in with the bot's token."""
    return {"GITHUB_API_URL": standin.api, "GITHUB_TOKEN": TOKEN}


def by_app(standin: StandIn) -> Settings:
    """What logs it in as an App, which may no more than the README names."""
    needed = {"contents": "write", "pull_requests": "write", "issues": "write", "checks": "read", "statuses": "read"}
    app = standin.app(REPO.partition("/")[0], needed)
    numbers = {"GH_APP_ID": str(app.app), "GH_INSTALLATION_ID": str(app.installation)}
    return {"GITHUB_API_URL": standin.api, "GITHUB_TOKEN": "", "GH_PRIVATE_KEY": app.private_key, **numbers}


@contextmanager
def scene(
    folder: Path, settings: Settings, files: dict[str, str | bytes] | None = None, login: Callable[[StandIn], Settings] = by_token
) -> Iterator[Scene]:
    """With a private repository, and a factory that is not started yet."""
    with stand_in(folder) as standin:
        remote = standin.repository(REPO, files)
        with real_factory({**login(standin), **SETTINGS, **settings}) as factory:
            agent = factory._program("agent.sh", AGENT)
            factory.environment.setdefault("FACTORY_INTAKE_ENGINE", f"command:{agent}")
            yield Scene(standin, remote, factory)

"""`factory dev demo`: the whole way from a label to a merged pull request, on a GitHub of one's own; a program plays agent and people."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from factory.cli.dev_person import REPO
from factory.cli.output import note, show
from factory.errors import FactoryError

if TYPE_CHECKING:
    from factory.cli.own_factory import OwnFactory
    from factory.standin.person import Person

_LABEL = "ai-factory"
_SECONDS = 300.0
"""For each step; all of them together take less than a minute."""
_LOOK_SECONDS = 0.2
_SETTINGS = {
    "FACTORY_REPOS": REPO, "FACTORY_POLL_INTERVAL": "1s", "FACTORY_FOLLOW_INTERVAL": "1s", "FACTORY_MAX_WORKERS": "2",
    "FACTORY_COOLDOWN": "0s", "FACTORY_HEARTBEAT": "500ms", "FACTORY_MIN_FREE_DISK": "10m",
}  # fmt: skip

_FOREIGN = ("FACTORY_", "GITHUB_", "GH_", "ANTHROPIC_", "CLAUDE_")
_STAYS = ("FACTORY_ISOLATION",)

T = TypeVar("T")


def demo() -> None:
    """See a label on an issue become a merged pull request.

    On a GitHub of your own with a sample repository; a small program is the agent, and another plays the people: Ada labels an issue, a
    check of the pull request fails, the factory mends it on the same branch, and Ada merges. Needs no account, key or network.

    \\b
    Example:
      factory dev demo
    """  # noqa: D301 - \b keeps the lines of the example apart, and is no escape here
    from factory.cli.own_factory import ended_by_sigterm
    from factory.paths import fresh_folder

    folder = fresh_folder("factory-demo-")
    try:
        with ended_by_sigterm():
            _play(folder)
    except FactoryError:
        note(f"What the factory said is in {folder / 'data' / 'logs'}.")
        raise
    except (KeyboardInterrupt, SystemExit):
        shutil.rmtree(folder)
        note("The demo was stopped; nothing of it is left.")
        raise
    shutil.rmtree(folder)


def _play(folder: Path) -> None:
    from factory.cli.dev import serving
    from factory.cli.own_factory import OwnFactory
    from factory.paths import Paths
    from factory.standin.client import Desk

    note("A GitHub of your own starts, and a factory; its first start makes a database.")
    with serving(folder / "github", 0, REPO) as (api, token):
        factory = OwnFactory(Paths(folder / "data", folder / "run"), _environment(folder, api, token), folder=folder)
        with factory:
            desk = Desk(api, token)
            _tell_story(factory, desk.person("ada", REPO), desk.checks(REPO), _task(folder))


def _environment(folder: Path, api: str, token: str) -> dict[str, str]:
    """The user's own settings, files, server and account are not for the demo."""
    from factory.config_sources import INHERITED
    from factory.demo import sample

    foreign = {name for name in os.environ if name.startswith(_FOREIGN) and name not in _STAYS}
    kept = {name: value for name, value in os.environ.items() if name not in foreign | INHERITED.keys()}
    ours = {"GITHUB_API_URL": api, "GITHUB_TOKEN": token, "FACTORY_INTAKE_ENGINE": sample.engine()}
    return {**kept, **_SETTINGS, **ours, "XDG_CONFIG_HOME": str(folder / "config")}


def _task(folder: Path) -> str:
    """Of the sample's six, the first: an issue that has boxes is a spec already."""
    from factory.demo import sample

    return sample.write_specs(folder)[0].file.read_text("utf-8")


def _tell_story(factory: "OwnFactory", ada: "Person", machine: "Person", text: str) -> None:
    watch = _Watch(factory, ada)
    issue = ada.open_issue("Count words and lines", text)
    ada.label(issue, _LABEL)
    show(f"#{issue}  ada puts the label {_LABEL} on the issue `Count words and lines`")
    pull = int(watch.until("a pull request comes", lambda: next(iter(ada.pulls("open")), None))["number"])
    head = ada.pull(pull)["head"]["sha"]
    show(f"#{pull}  the factory opens a pull request, at {head[:10]}")
    machine.check_run(head, "failure", "style", "wordkit/counting.py: say in README.md what is new")
    show(f"#{pull}  a check fails: say in README.md what is new")
    head = watch.until("the factory mends it", lambda: _moved(ada, pull, head))
    show(f"#{pull}  the factory mends it on the same branch, at {head[:10]}")
    machine.check_run(head, "success", "style")
    ada.review(pull)
    ada.merge(pull)
    show(f"#{pull}  ada approves and merges")
    watch.until("the issue is labelled as done", lambda: f"{_LABEL}-done" in ada.labels(issue))
    watch.tell_comments(issue)
    show(f"#{issue}  is {ada.issue(issue)['state']}, with the label {_LABEL}-done")


def _moved(ada: "Person", pull: int, head: str) -> str | None:
    now = str(ada.pull(pull)["head"]["sha"])
    return now if now != head else None


class _Watch:
    """Waits, and shows what the factory says on the issue meanwhile."""

    def __init__(self, factory: "OwnFactory", ada: "Person") -> None:
        self._factory, self._ada = factory, ada
        self._seen: set[int] = set()

    def until(self, what: str, look: Callable[[], T | None]) -> T:
        """Raises `TimedOut`, or what ended the factory."""
        from factory.cli.exits import TimedOut

        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            self._factory.check()
            self.tell_comments(1)
            if found := look():
                return found
            time.sleep(_LOOK_SECONDS)
        raise TimedOut(f"It did not come about within {_SECONDS:g} s that {what}.")

    def tell_comments(self, issue: int) -> None:
        from factory.domain.clean import clean_line

        for one in self._ada.comments(issue):
            if one["id"] not in self._seen:
                self._seen.add(one["id"])
                show(f"#{issue}  {one['user']['login']} says: {clean_line(one['body'])[:120]}")

"""The GitHub stand-in in the place of the plain git server: what a site's remote is to the driver and the checker."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from factory.standin.failures import Failure
from tests.faults.driver import Trial
from tests.faults.grounds import GitServer, Push, Site
from tests.faults.invariants_outside import descriptors
from tests.standin import TOKEN, StandIn
from tests.waiting import eventually

OWNER = "acme"
_NOTHING = "0" * 40

Rule = tuple[str, Failure, int, float]
"""Route, failure, how often, seconds."""


class ForgeRemote(GitServer):
    """Repositories of one GitHub, with pull requests of their own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.forge = StandIn(folder)
        self.process, self.url = cast("subprocess.Popen[bytes]", self.forge.process), self.forge.api
        self.folder = folder / "repositories" / OWNER

    def repository(self, name: str, files: Mapping[str, str] | None = None) -> str:
        self.forge.repository(f"{OWNER}/{name}", dict(files or {"README.md": "hello\n"}))
        return self.forge.address(f"{OWNER}/{name}")

    def trouble(self, how: str, part: str = "", times: int = 1, seconds: float = 0.0, status: int = 502) -> None:
        """None of the git server's; `fails` of the stand-in has its own. Said between two scenarios: `none`."""
        assert how == "none"
        self.forge.fails()

    def fired(self) -> list[dict[str, Any]]:
        return self.forge.ledger("failure")

    def ledger(self) -> list[Push]:
        refs = self.forge.ledger("ref")
        return [Push(f"refs/heads/{entry['ref']}", entry["old"] or _NOTHING, entry["new"] or _NOTHING) for entry in refs]

    def created(self, item: str) -> list[dict[str, Any]]:
        """Pull requests that were ever opened for it."""
        return [entry for entry in self.forge.ledger("pull") if item in entry["head"]]

    def comments(self) -> list[dict[str, Any]]:
        return self.forge.ledger("comment")

    def close(self) -> None:
        self.forge.kill()


def with_forge(site: Site) -> ForgeRemote:
    """The site's factory with a GitHub instead of a git server; started anew where it has another one."""
    if isinstance(site.git, ForgeRemote):
        return site.git
    site.git.close()
    site.git = ForgeRemote(site.folder / "forge")
    site.repo = site.git.repository("sample")
    site.environment |= {"GITHUB_API_URL": site.git.url, "GITHUB_TOKEN": TOKEN, "FACTORY_FOLLOW_PULLS": "false"}
    site.down()
    site.up()
    # Of the processes that there are now, once each has spoken with whom it speaks.
    site.settled(site.submit(site.repo))
    site.descriptors = descriptors(site)
    return site.git


def fails(trial: Trial, remote: ForgeRemote, *rules: Rule) -> None:
    """Lets the forge fail so, from now on."""
    remote.forge.fails(*rules)
    for route, failure, times, seconds in rules:
        trial.note(f"the next {times} of {route}: {failure} ({seconds:g} s)")


def failed(trial: Trial, remote: ForgeRemote, before: int, count: int = 1) -> list[dict[str, Any]]:
    """Waits until so many more failures have come to pass."""
    return eventually(lambda: remote.fired()[before:] if len(remote.fired()) >= before + count else None, 60, "the forge fails")

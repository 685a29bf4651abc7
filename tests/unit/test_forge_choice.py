"""Which forge a repository's pull requests go to, and what is not loaded where there is none."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from factory.domain.forge import GitHub
from factory.domain.ids import Commit, ItemId
from factory.integrations.forge_choice import MadeAtFirstUse, PullRequestsByForge
from factory.pull_request_ports import PullRequestOrder, PullRequests
from tests.fakes.pull_requests import FakePullRequests

THERE, ELSEWHERE, BRANCH = "https://github.com/octo/hello", "/srv/git/hello.git", "factory/0123456789"

_WIRED = f"""
import sys
from contextlib import suppress
from types import SimpleNamespace
from factory.clock import SystemClock
from factory.config import Settings
from factory.errors import StoreUnavailable
from factory.storage.database import Database
from factory.wiring_delivery import forge

shared = SimpleNamespace(clock=SystemClock(), database=lambda _: Database("host=/nowhere connect_timeout=2", sleep=lambda _: None))
_, pulls = forge(shared, Settings())
loaded = ["github" in sys.modules]
for repo in {[ELSEWHERE, THERE]!r}:
    with suppress(StoreUnavailable):
        pulls.find(repo, "{BRANCH}")
    loaded.append("github" in sys.modules)
print(loaded)
"""


def order(repo: str) -> PullRequestOrder:
    return PullRequestOrder(ItemId("0123456789"), repo, BRANCH, "main", Commit("a" * 40), "Greet", "It greets.")


def test_each_repository_has_its_pull_requests_at_its_own_forge() -> None:
    there, elsewhere = FakePullRequests(), FakePullRequests()
    both = PullRequestsByForge(GitHub(), there, elsewhere)

    for repo in (THERE, ELSEWHERE):
        assert both.open(order(repo)) == both.find(repo, BRANCH)

    assert list(there.refs) == [(THERE, BRANCH)]
    assert list(elsewhere.refs) == [(ELSEWHERE, BRANCH)]


def test_an_adapter_is_made_once_and_only_when_it_is_used_whoever_uses_it_at_the_same_time() -> None:
    made: list[FakePullRequests] = []
    together = threading.Barrier(4, timeout=30)

    def make() -> PullRequests:
        made.append(FakePullRequests())
        return made[-1]

    def use(number: int) -> None:
        together.wait(30)
        late.open(order(f"https://github.com/octo/{number}"))

    late = MadeAtFirstUse(make)
    assert made == []
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(use, range(4)))

    assert [len(one.refs) for one in made] == [4]


def test_the_library_of_github_is_loaded_for_the_first_repository_there_and_not_for_a_token() -> None:
    environment = {"GITHUB_TOKEN": "ghp_of_nobody", "PATH": "/usr/bin:/bin"}
    told = subprocess.run([sys.executable, "-c", _WIRED], capture_output=True, text=True, env=environment, timeout=60, check=False)

    assert told.stdout.split("\n")[0] == "[False, False, True]", told.stderr

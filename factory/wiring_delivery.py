"""What checks, publishes and follows results, from settings and the operator's environment. A part of the composition root."""

import os
import random
from functools import partial
from typing import TYPE_CHECKING, cast

from actors.background import Background
from actors.delivery import THREADS, Delivery, DeliverySettings
from actors.following import MOST_QUIET_SECONDS, FollowSettings
from factory.config import Settings
from factory.delivery_ports import PullRequestReader
from factory.domain.delivery import Rules
from factory.domain.forge import GitHub
from factory.domain.forge_app import DELIVERY
from factory.integrations.forge_choice import MadeAtFirstUse, PullRequestsByForge, ReadAtFirstUse
from factory.integrations.git import GitRepositories
from factory.integrations.git_overview import RepositoryOverviews
from factory.integrations.git_remote import Remotes
from factory.integrations.git_show import ResultViews
from factory.integrations.github_token import GitHubAccess, Mint
from factory.integrations.local_pulls import LocalPullRequests
from factory.ports import Clock
from factory.pull_request_ports import PullRequests
from factory.storage.following import FollowRows
from factory.storage.locks import LockStore
from factory.storage.mirrors import MirrorStore
from factory.storage.outbox import OutboxStore
from factory.storage.pull_requests import PullRequestRows
from factory.wiring_egress import way_out_terms
from factory.wiring_github import github_mint
from factory.wiring_site import Shared, Site

if TYPE_CHECKING:
    from factory.integrations.github_pulls import GitHubPullRequests


def build_delivery(site: Site, shared: Shared, _: bytes) -> Delivery:
    settings = site.settings
    rules = Rules(
        guarded=(*Rules().guarded, *settings.guarded_paths),
        max_added_lines=settings.max_added_lines,
        max_files=settings.max_files,
        max_file_bytes=settings.max_file_bytes,
    )
    remotes, pulls = forge(shared, settings)
    following = FollowSettings(settings.follow_interval, max(settings.follow_interval, MOST_QUIET_SECONDS), settings.auto_merge)
    return Delivery(
        **shared.common,
        repositories=GitRepositories(site.paths.mirrors, site.paths.imports, remotes),
        pulls=pulls,
        host=shared.host(),
        outbox=OutboxStore(shared.database()),
        locks=LockStore(shared.database("locks")),
        mirrors=MirrorStore(shared.database("mirrors")),
        background=Background(THREADS),
        settings=DeliverySettings(settings.gates, rules, follow=following),
        results=site.paths.results,
        dice=random.Random(),
        reader=ResultViews(site.paths.mirrors, site.paths.imports / "shown", remotes),
        overviews=RepositoryOverviews(site.paths.mirrors, remotes),
        forge=_followed(pulls, shared, settings),
        way_out=way_out_terms(site),
    )


def forge(shared: Shared, settings: Settings) -> tuple[Remotes, PullRequests]:
    """How remotes are reached and where pull requests are opened: at GitHub where there is a token for it."""
    # Connections of their own: pull requests are opened in the background.
    local = LocalPullRequests(PullRequestRows(shared.database("pulls")))
    place, mint = github_mint(os.environ, DELIVERY, shared.clock)
    if mint is None:
        return Remotes(), local
    store = PullRequestRows(shared.database("github"))
    there = MadeAtFirstUse(partial(_on_github, place, mint, store, shared.clock, settings))
    return Remotes(GitHubAccess(place, mint)), PullRequestsByForge(place, there, local)


def _on_github(place: GitHub, mint: Mint, store: PullRequestRows, clock: Clock, settings: Settings) -> PullRequests:
    from factory.integrations.github_pulls import GitHubPullRequests  # noqa: PLC0415 - megabytes, and a third of a second

    return GitHubPullRequests(place, mint, store, clock, follows=settings.follow_pulls, labels=settings.pull_labels)


def _followed(pulls: PullRequests, shared: Shared, settings: Settings) -> tuple[PullRequestReader, FollowRows] | None:
    """Who reads what becomes of pull requests, and where that is kept; None where nobody can be asked."""
    there = pulls.on_github if isinstance(pulls, PullRequestsByForge) else None
    if not isinstance(there, MadeAtFirstUse) or not settings.follow_pulls:
        return None
    return ReadAtFirstUse(there, _reader), FollowRows(shared.database("following"))


def _reader(calls: PullRequests) -> PullRequestReader:
    from factory.integrations.github_follow import GitHubFollower  # noqa: PLC0415 - as above

    return GitHubFollower(cast("GitHubPullRequests", calls))

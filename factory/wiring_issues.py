"""What takes issues in and has specs written for them, from settings and the operator's environment. A part of the composition root."""

import os
import random
from pathlib import Path

from actors.background import Background
from actors.intake import THREADS, Intake, IntakeSettings
from factory.config import Settings
from factory.domain.forge_app import INTAKE
from factory.domain.issue_intake import Rules
from factory.domain.issue_known import LabelNames
from factory.errors import InvalidInput
from factory.integrations.inbox_folder import InboxFolder
from factory.issue_ports import Inbox, IssueSource
from factory.storage.issues import IssueRows
from factory.storage.pull_requests import PullRequestRows
from factory.storage.webhooks import WebhookStore
from factory.wiring_github import github_mint
from factory.wiring_site import Shared, Site


def check_intake(settings: Settings, is_on_github: bool) -> None:  # noqa: FBT001 - one of two things that have to fit together
    """Said by the root, in one sentence: intake itself would only be started again and again.

    Raises:
        InvalidInput: repositories are to be watched, and there is no way to log in; or the inbox cannot be used.
    """
    if settings.repos and not is_on_github:
        raise InvalidInput(
            "repos is set, and there is nothing to log in to GitHub with: export GITHUB_TOKEN, or GH_APP_ID, GH_INSTALLATION_ID and "
            "GH_PRIVATE_KEY of a GitHub App, or unset repos."
        )
    _inbox(settings)


def build_intake(site: Site, shared: Shared, _: bytes) -> Intake:
    settings = site.settings
    place, mint = github_mint(os.environ, INTAKE, shared.clock)
    rules = Rules(LabelNames(settings.intake_label), frozenset(settings.trusted_bots))
    source: IssueSource | None = None
    if settings.repos and mint:
        # Megabytes, and a third of a second: only where issues are looked for.
        from factory.integrations.github_calls import Calls  # noqa: PLC0415
        from factory.integrations.github_issues import GitHubIssues  # noqa: PLC0415

        # A connection of its own: calls are made in the background.
        calls = Calls(place, mint, PullRequestRows(shared.database("limits")), shared.clock)
        source = GitHubIssues(calls, shared.clock)
    return Intake(
        **shared.common,
        store=IssueRows(shared.database(), settings.intake_label),
        source=source,
        inbox=_inbox(settings),
        hints=WebhookStore(shared.database("webhooks")) if settings.http_listen else None,
        background=Background(THREADS),
        settings=IntakeSettings(
            settings.repos,
            place.web,
            rules,
            settings.poll_interval,
            dict(settings.priority_labels),
            settings.intake_engine,
            dict(settings.needs_labels),
            instance=site.instance,
        ),
        dice=random.Random(),
    )


def _inbox(settings: Settings) -> Inbox | None:
    return InboxFolder(Path(settings.inbox)) if settings.inbox else None

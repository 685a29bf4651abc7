"""How GitHub is reached: by an App's tokens, or by the operator's own. A part of the composition root.

No actor is imported here: the doctor looks at the same.
"""

from collections.abc import Mapping
from functools import partial

from factory import doctor_checks_issues as issues
from factory.clock import SystemClock
from factory.config import Settings
from factory.doctor import Check, Verdict
from factory.domain.forge import GitHub, RepositoryState, github, token_of
from factory.domain.forge_app import INTAKE, Permissions, app_of
from factory.errors import InvalidInput
from factory.integrations.github_token import FixedToken, Mint
from factory.ports import Clock

LOOK_SECONDS = 2.5
"""For a repository: less than the doctor gives a check, so that it can say what it waited for."""


def is_on_github(environ: Mapping[str, str]) -> bool:
    """Whether there is anything to log in with.

    Raises:
        InvalidInput: what names GitHub, an App or a token cannot be used.
    """
    try:
        github(environ)
        return bool(token_of(environ) or app_of(environ))
    except ValueError as error:
        raise InvalidInput(f"{error}.") from None


def github_mint(environ: Mapping[str, str], permissions: Permissions, clock: Clock) -> tuple[GitHub, Mint | None]:
    """Where GitHub is, and where tokens with these permissions come from; None where there are none.

    An App goes before a token: its tokens end by themselves and may do less.
    """
    if not is_on_github(environ):
        return github(environ), None
    place, app = github(environ), app_of(environ)
    if app is None:
        return place, FixedToken(token_of(environ))
    from factory.integrations.github_app import AppTokens  # noqa: PLC0415 - the library costs a third of a second

    return place, AppTokens(place.api, app, permissions, clock)


def issue_checks(settings: Settings, environ: Mapping[str, str]) -> list[Check]:
    """What the doctor looks at of the way issues come in; nothing where none do."""
    checks = [Check("issues", "login", partial(issues.login, environ))] if settings.repos else []
    if settings.repos and _can_log_in(environ):
        checks += [
            Check("issues", slug, partial(_repository, environ, slug, settings)) for slug in settings.repos[: issues.MOST_REPOSITORIES]
        ]
        left = len(settings.repos) - issues.MOST_REPOSITORIES
        checks += [Check("issues", "others", partial(issues.more, left))] if left > 0 else []
    return checks + ([Check("issues", "webhooks", partial(issues.webhooks, environ))] if settings.http_listen else [])


def _can_log_in(environ: Mapping[str, str]) -> bool:
    try:
        return is_on_github(environ)
    except InvalidInput:
        return False


def _repository(environ: Mapping[str, str], slug: str, settings: Settings) -> Verdict:
    place, mint = github_mint(environ, INTAKE, SystemClock())
    if mint is None:
        raise RuntimeError("a repository is looked at, and there is nothing to log in with")
    return issues.repository(slug, settings.intake_label, place.api, partial(_look, place.api, mint, slug, settings.intake_label))


def _look(api: str, mint: Mint, slug: str, label: str) -> RepositoryState:
    from factory.integrations.github_look import look  # noqa: PLC0415 - the library costs a third of a second

    return look(api, mint, slug, label, LOOK_SECONDS)

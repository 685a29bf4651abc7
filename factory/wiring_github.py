"""How GitHub is reached: by an App's tokens, or by the operator's own. A part of the composition root."""

from collections.abc import Mapping

from factory.domain.forge import GitHub, github, token_of
from factory.domain.forge_app import Permissions, app_of
from factory.errors import InvalidInput
from factory.integrations.github_token import FixedToken, Mint
from factory.ports import Clock


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

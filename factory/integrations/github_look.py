"""A look at a repository of GitHub, for whoever wants to know whether the factory could work there. Keeps and changes nothing."""

from http import HTTPStatus
from urllib.parse import quote

from factory.domain.forge import RepositoryState
from factory.integrations.github_caller import one_job
from factory.integrations.github_calls import Line
from factory.integrations.github_token import Mint


def look(api: str, mint: Mint, slug: str, label: str, seconds: float) -> RepositoryState:
    """Two calls of the API, bounded together; an App's token is a third, with a bound of its own.

    Raises:
        ForgeUnavailable, Unauthorized, ForgeRefused: as GitHub answered, or did not.
    """
    with one_job(api, mint(slug, renew=False), slug, seconds) as client:
        line = Line(slug, client.requester)
        found = line.get("").data
        labelled = line.get(f"/labels/{quote(label, safe='')}", allowed=(HTTPStatus.NOT_FOUND,)).data
        may_push = (found.get("permissions") or {}).get("push")
        return RepositoryState(bool(found["has_issues"]), bool(found["archived"]), may_push, labelled is not None)

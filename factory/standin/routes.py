"""All routes, by resource, and which of them a request means. That of GraphQL is none of those that GitHub describes."""

import re
from urllib.parse import parse_qs, unquote, urlsplit

from factory.standin import (
    apps,
    checks,
    comments,
    events,
    graphql,
    issues,
    labels,
    merging,
    people,
    pulls,
    references,
    remarks,
    repositories,
    reviews,
    statuses,
)
from factory.standin.routing import Route

ROUTES: tuple[Route, ...] = (
    *repositories.ROUTES, *people.ROUTES, *issues.ROUTES, *labels.ROUTES, *comments.ROUTES, *events.ROUTES, *pulls.ROUTES, *merging.ROUTES,
    *reviews.ROUTES, *remarks.ROUTES, *checks.ROUTES, *statuses.ROUTES, *references.ROUTES, *apps.ROUTES,
)  # fmt: skip

GIT = re.compile(r"/(?P<repo>[\w.-]+/[\w.-]+?)\.git/(?P<rest>info/refs|git-upload-pack|git-receive-pack)")


def match(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route and the parts that its path names. A path may be several routes', one for each method."""
    for route in (*ROUTES, *graphql.ROUTES):
        if route.method == method and (found := route.pattern.fullmatch(path)):
            return route, {name: unquote(value) for name, value in found.groupdict().items()}
    return None


def name_of(method: str, path: str) -> str:
    """What a rule names, such as `GET pulls`, `PATCH pull`, `POST comments`, `GET refs for git-receive-pack` or `POST git-receive-pack`."""
    parts = urlsplit(path)
    if git := GIT.fullmatch(parts.path):
        return f"{method} refs for {parse_qs(parts.query)['service'][0]}" if git["rest"] == "info/refs" else f"{method} {git['rest']}"
    there = match(method, parts.path)
    return there[0].full_name if there else f"{method} unknown"

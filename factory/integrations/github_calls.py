"""Plain calls of GitHub's API: their answers as JSON, page by page, or the errors that they mean.

The library's own objects are passed by: they ask for more than is wanted, and cannot say that something is as it was before.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from github.Requester import Requester

from factory.delivery_ports import PullRequestStore
from factory.domain.forge import GitHub
from factory.errors import ForgeRefused, ForgeUnavailable
from factory.integrations.github_caller import Caller
from factory.integrations.github_errors import lowered, meaning
from factory.integrations.github_token import Mint
from factory.ports import Clock

PER_PAGE = 100
MAX_PAGES = 100
"""Of one list. A list that has more is read no further, and so not read at all."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answered:
    """`headers`: with names in lower case. `data`: the body, read as JSON; None where nothing changed."""

    status: int
    headers: Mapping[str, str]
    data: Any

    @property
    def is_unchanged(self) -> bool:
        return self.status == HTTPStatus.NOT_MODIFIED

    @property
    def has_next(self) -> bool:
        return 'rel="next"' in self.headers.get("link", "")


class Line:
    """The calls of one job. Raises what `meaning` makes of an answer, unless its status is `allowed`."""

    def __init__(self, slug: str, requester: Requester) -> None:
        self._slug, self._requester = slug, requester

    def get(self, path: str, query: Mapping[str, str | int] | None = None, *, tag: str = "", allowed: tuple[int, ...] = ()) -> Answered:
        """`tag`: of the answer before; where it still holds, the answer is empty and costs nothing."""
        return self._call("GET", path, allowed, query=dict(query or {}), headers={"If-None-Match": tag} if tag else {})

    def send(self, verb: str, path: str, body: Mapping[str, Any] | None = None, *, allowed: tuple[int, ...] = ()) -> Answered:
        return self._call(verb, path, allowed, body=dict(body) if body is not None else None)

    def graph(self, query: str, variables: Mapping[str, str | int]) -> Answered:
        """A question to GraphQL. An answer that holds errors is an answer too."""
        body = {"query": query, "variables": dict(variables)}
        return self._answered(*self._requester.requestJson("POST", self._requester.graphql_url, None, None, body))

    def pages(self, path: str, query: Mapping[str, str | int], *, tag: str = "", most: int = 0) -> Iterator[Answered]:
        """Every page to the last. Only the first is asked for by its tag: the list has to be one whose first page shows every change.

        Args:
            most: pages after which it ends although there are more; 0: then that is refused.
        """
        for number in range(1, (most or MAX_PAGES) + 1):
            page = self.get(path, {**query, "per_page": PER_PAGE, "page": number}, tag=tag if number == 1 else "")
            if not page.is_unchanged and not isinstance(page.data, list):
                raise ForgeUnavailable(f"GitHub's answer for {self._slug} cannot be read.")
            yield page
            if page.is_unchanged or not page.has_next:
                return
        if not most:
            raise ForgeRefused(f"GitHub lists more than {MAX_PAGES * PER_PAGE:,} entries for {self._slug}.")

    def _call(
        self, verb: str, path: str, allowed: tuple[int, ...], *, query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None, body: dict[str, Any] | None = None,
    ) -> Answered:  # fmt: skip
        return self._answered(*self._requester.requestJson(verb, f"/repos/{self._slug}{path}", query, headers, body), allowed)

    def _answered(self, status: int, given: Mapping[str, Any], output: str, allowed: tuple[int, ...] = ()) -> Answered:
        named = lowered(given)
        if status == HTTPStatus.NOT_MODIFIED or status in allowed:
            return Answered(status, named, None)
        data = _read(output)
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise meaning(self._slug, status, named, data)
        if data is None and status != HTTPStatus.NO_CONTENT:
            raise ForgeUnavailable(f"GitHub's answer for {self._slug} cannot be read.")
        return Answered(status, named, data)


def _read(output: object) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(str(output)) if output else None
    except ValueError:
        return None


class Calls:
    """May be used by several threads; calls go out one after another, as GitHub asks for.

    Args:
        mint: tokens for it.
        store: where it is kept for how long no call is allowed; used by one thread at a time.
    """

    def __init__(self, place: GitHub, mint: Mint, store: PullRequestStore, clock: Clock) -> None:
        self._caller = Caller(place, mint, store, clock)

    def ask(self, slug: str, job: Callable[[Line], T]) -> T:
        """Carries the job out; once more with another token where the first one is refused. The job must be repeatable."""
        return self._caller.ask(slug, lambda client: job(Line(slug, client.requester)))

"""Plain calls of GitHub's API, one after another: tokens, limits, bounds and errors are dealt with here, once for all resources.

The library's own objects are passed by: they ask for more than is wanted, and cannot say that something is as it was before.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

import github
import requests
from github.Requester import Requester

from factory.delivery_ports import PullRequestStore
from factory.domain.forge import GitHub
from factory.errors import FactoryError, ForgeRefused, ForgeUnavailable, Unauthorized
from factory.integrations.github_errors import meaning
from factory.integrations.github_gate import Gate
from factory.integrations.github_line import use_bounded_lines, within
from factory.integrations.github_token import Mint
from factory.ports import Clock

TIMEOUT_SECONDS = 15
"""For a connection, and between two parts of an answer."""
JOB_SECONDS = 60.0
"""For all calls of one job together, a second try with another token included."""
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
        status, given, output = self._requester.requestJson(verb, f"/repos/{self._slug}{path}", query, headers, body)
        named = {name.lower(): str(value) for name, value in given.items()}
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
        self._place, self._mint = place, mint
        self._gate = Gate(place.web, store, clock)
        self._turn = threading.Lock()
        use_bounded_lines()

    def ask(self, slug: str, job: Callable[[Line], T]) -> T:
        """Carries the job out; once more with another token where the first one is refused. The job must be repeatable."""
        with self._turn:
            self._gate.check()
            with self._in_time(slug):
                try:
                    return self._once(slug, job, renew=False)
                except Unauthorized:
                    return self._once(slug, job, renew=True)

    @contextmanager
    def _in_time(self, slug: str) -> Iterator[None]:
        with within(JOB_SECONDS) as deadline:
            try:
                yield
            except FactoryError:
                # Whatever half an answer seems to say: it was cut off.
                if not deadline.over:
                    raise
                raise ForgeUnavailable(f"GitHub did not come to an end for {slug} within {JOB_SECONDS:g} s.", JOB_SECONDS) from None

    def _once(self, slug: str, job: Callable[[Line], T], *, renew: bool) -> T:
        try:
            with _translated(slug), closing(_client(self._place.api, self._mint(slug, renew=renew))) as client:
                return job(Line(slug, client.requester))
        except ForgeUnavailable as error:
            if error.retry_after:
                self._gate.shut(error.retry_after)
            raise


def _client(api: str, token: str) -> github.Github:
    # The library would sleep between calls, and repeat them by a schedule of its own.
    return github.Github(
        auth=github.Auth.Token(token), base_url=api, timeout=TIMEOUT_SECONDS, user_agent="software-factory", retry=None,
        seconds_between_requests=0, seconds_between_writes=0,
    )  # fmt: skip


@contextmanager
def _translated(slug: str) -> Iterator[None]:
    """Turns what the library raises into what it means."""
    try:
        yield
    except requests.exceptions.InvalidHeader:
        raise Unauthorized("GitHub's token cannot be sent: it holds characters that no token has.") from None
    except requests.RequestException as error:
        raise ForgeUnavailable(f"GitHub does not answer for {slug} ({type(error).__name__}).") from None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        # Half an answer, or a page of something in between that is not GitHub.
        raise ForgeUnavailable(f"GitHub's answer for {slug} cannot be read ({type(error).__name__}).") from None
    except (RuntimeError, AssertionError) as error:
        # So the library says that an answer leads to another server.
        raise ForgeRefused(f"GitHub's API leads elsewhere for {slug}: GITHUB_API_URL may be wrong ({str(error)[:200]}).") from None

"""Jobs at GitHub, one after another: tokens, limits, bounds and the library's errors are dealt with here, once for all that call it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

import github
import requests

from factory.delivery_ports import PullRequestStore
from factory.domain.forge import GitHub
from factory.errors import FactoryError, ForgeRefused, ForgeUnavailable, Unauthorized
from factory.integrations.github_errors import lowered, meaning
from factory.integrations.github_gate import Gate
from factory.integrations.github_line import use_bounded_lines, within
from factory.integrations.github_token import Mint
from factory.ports import Clock

TIMEOUT_SECONDS = 15
"""For a connection, and between two parts of an answer."""
JOB_SECONDS = 60.0
"""For all calls of one job together, a second try with another token included."""
_USER_AGENT = "software-factory"

T = TypeVar("T")


class Caller:
    """May be used by several threads; calls go out one after another, as GitHub asks for.

    Args:
        mint: tokens for it.
        store: where it is kept for how long no call is allowed; used by one thread at a time.
        rests: whether no job calls for as long, after one that did not come to an end in its time.

    Attributes:
        turn: held during each job; also for others who use the store.
    """

    def __init__(self, place: GitHub, mint: Mint, store: PullRequestStore, clock: Clock, *, rests: bool = False) -> None:
        self._place, self._mint, self._rests = place, mint, rests
        self._gate = Gate(place.web, store, clock)
        self.turn = threading.Lock()
        use_bounded_lines()

    def ask(self, slug: str, job: Callable[[github.Github], T]) -> T:
        """Carries the job out; once more with another token where the first one is refused. The job must be repeatable."""
        with self.turn:
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
                if self._rests:
                    self._gate.shut(JOB_SECONDS)
                raise ForgeUnavailable(f"GitHub did not come to an end for {slug} within {JOB_SECONDS:g} s.", JOB_SECONDS) from None

    def _once(self, slug: str, job: Callable[[github.Github], T], *, renew: bool) -> T:
        try:
            with _translated(slug), closing(client_of(self._place.api, github.Auth.Token(self._mint(slug, renew=renew)))) as client:
                return job(client)
        except ForgeUnavailable as error:
            if error.retry_after:
                self._gate.shut(error.retry_after)
            raise


@contextmanager
def one_job(api: str, token: str, slug: str, seconds: float) -> Iterator[github.Github]:
    """For a caller that asks once and keeps nothing, nor what GitHub said of limits: bounded, and with the same errors."""
    use_bounded_lines()
    with within(seconds), _translated(slug), closing(client_of(api, github.Auth.Token(token))) as client:
        yield client


def client_of(api: str, auth: github.Auth.Auth) -> github.Github:
    """The library as it is used here. It would sleep between calls, and repeat them by a schedule of its own."""
    return github.Github(
        auth=auth,
        base_url=api,
        timeout=TIMEOUT_SECONDS,
        user_agent=_USER_AGENT,
        retry=None,
        seconds_between_requests=0,
        seconds_between_writes=0,
    )


@contextmanager
def _translated(slug: str) -> Iterator[None]:
    """Turns what the library raises into what it means."""
    try:
        yield
    except github.GithubException as error:
        raise meaning(slug, error.status, lowered(error.headers), error.data) from None
    except requests.exceptions.InvalidHeader:
        raise Unauthorized("GitHub's token cannot be sent: it holds characters that no token has.") from None
    except requests.RequestException as error:
        raise ForgeUnavailable(f"GitHub does not answer for {slug} ({type(error).__name__}).") from None
    except (github.BadAttributeException, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        # Half an answer, or a page of something in between that is not GitHub.
        raise ForgeUnavailable(f"GitHub's answer for {slug} cannot be read ({type(error).__name__}).") from None
    except (RuntimeError, AssertionError) as error:
        # So the library says that an answer leads to another server.
        raise ForgeRefused(f"GitHub's API leads elsewhere for {slug}: GITHUB_API_URL may be wrong ({str(error)[:200]}).") from None

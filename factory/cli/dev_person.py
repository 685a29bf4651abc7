"""Playing people on a GitHub of one's own, by the same API that the factory speaks."""

import os
import re
import urllib.error
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from factory.domain.clean import clean
from factory.errors import FactoryUnreachable, InvalidInput, NotFound, Refused

if TYPE_CHECKING:
    from factory.standin.client import Desk
    from factory.standin.person import Person

REPO = "acme/sample"
_REPO = re.compile(r"[\w.-]+/[\w.-]+")
_HERE = {"127.0.0.1", "localhost", "::1"}
_NOT_FOUND, _UNAUTHORIZED = 404, 401

T = TypeVar("T")


def check_repo(repo: str) -> None:
    """Raises `InvalidInput`."""
    if not _REPO.fullmatch(repo):
        raise InvalidInput(f"--repo {repo}: a repository is named by its owner and its name, as in {REPO}.")


def person_of(api: str, repo: str, login: str) -> "Person":
    """Raises `InvalidInput` for a GitHub that is not of one's own: nobody is to be played on another."""
    check_repo(repo)
    if not api:
        raise InvalidInput("GITHUB_API_URL is not set: start `factory dev github`, and export what it prints, or give --api URL.")
    if urlsplit(api).scheme != "http" or urlsplit(api).hostname not in _HERE:
        raise InvalidInput(f"--api {api}: this plays people on a GitHub of your own; `factory dev github` starts one on this machine.")
    return told(lambda: _desk(api).person(login, repo), api, repo)


def acted(api: str, repo: str, login: str, number: int, act: Callable[["Person"], T]) -> T:
    """What came of it when this person did it to an issue or a pull request. Raises what `person_of` and `told` do."""
    person = person_of(api, repo, login)
    return told(lambda: act(person), api, f"{repo}#{number}")


def _desk(api: str) -> "Desk":
    from factory.standin.client import Desk

    return Desk(api.rstrip("/"), os.environ.get("GITHUB_TOKEN", ""))


def checks_of(api: str, repo: str) -> "Person":
    """What runs the checks there."""
    return told(lambda: _desk(api).checks(repo), api, repo)


def told(does: Callable[[], T], api: str, what: str) -> T:
    """What was done. Raises `NotFound`, `Refused` in its words, or `FactoryUnreachable`."""
    try:
        return does()
    except urllib.error.HTTPError as error:
        with error:
            message = _message(error.read())
        if error.code == _NOT_FOUND:
            raise NotFound(f"{what} is not there ({message}).") from None
        if error.code == _UNAUTHORIZED:
            raise Refused(f"{api} does not know GITHUB_TOKEN: export the one that `factory dev github` printed there.") from None
        raise Refused(f"{what}: {message} ({error.code}).") from None
    except OSError:
        raise FactoryUnreachable(f"Nothing answers at {api}: start `factory dev github`, and export what it prints.") from None


def _message(body: bytes) -> str:
    import json

    try:
        said = json.loads(body)
    except ValueError:
        return "no message"
    more = "; ".join(str(each.get("message") or f"{each.get('field')} {each.get('code')}") for each in said.get("errors", []))
    return clean(": ".join(part for part in (said.get("message", ""), more) if part))

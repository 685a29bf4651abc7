"""Git towards a remote, with a token where one is configured for it.

The token is in the environment of that one git alone: in no URL, argument, file or configuration, and so in no log and no mirror.
Git asks for it only when that server wants a login; a redirect to another host gets none.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from factory.domain.forge import with_token
from factory.errors import RepositoryUnavailable, Unauthorized
from factory.integrations.bounded_process import Ended
from factory.integrations.git_command import GitTimeout, git, network_environment
from factory.integrations.git_errors import gist, plain

_NOT_ACCEPTED = re.compile(r"Authentication failed|returned error: 401|Invalid username or (?:password|token)")


@dataclass(frozen=True, slots=True)
class Credential:
    """A token, and the server (scheme, host, port) that it is for."""

    server: str
    token: str = field(repr=False)


class Access(Protocol):
    """How remotes are reached."""

    def __call__(self, repo: str, *, renew: bool) -> Credential | None:
        """The credential for a repository, another one where the last was refused; None leaves it to the user's own git."""
        ...


def by_the_user(repo: str, *, renew: bool) -> None:
    """No credential of ours: the user's helpers, keys and settings reach every remote."""


@dataclass(frozen=True, slots=True)
class Remotes:
    """Runs git's network commands."""

    access: Access = by_the_user

    def run(self, repo: str, repository: Path, arguments: Sequence[str], *, timeout: float, settings: Sequence[str] = ()) -> Ended:
        """Runs it; with another token where the first one was refused.

        Args:
            timeout: seconds.

        Raises:
            Unauthorized: no token that could be had is accepted.
            RepositoryUnavailable: it took too long.
        """
        credential = self.access(repo, renew=False)
        try:
            ended = git(repository, arguments, timeout=timeout, environment=_environment(credential), settings=settings)
            if credential is None or not _is_refused(ended):
                return ended
            credential = self.access(repo, renew=True)
            ended = git(repository, arguments, timeout=timeout, environment=_environment(credential), settings=settings)
        except GitTimeout:
            raise RepositoryUnavailable(f"{plain(repo)}: git {arguments[0]} took longer than {timeout:g} s.") from None
        if _is_refused(ended):
            raise Unauthorized(f"{plain(repo)} does not accept the factory's token (git: {gist(ended.errors)}).")
        return ended


def _is_refused(ended: Ended) -> bool:
    return ended.code != 0 and _NOT_ACCEPTED.search(ended.errors) is not None


def _environment(credential: Credential | None) -> Mapping[str, str]:
    environment = network_environment()
    return environment if credential is None else with_token(environment, credential.server, credential.token)

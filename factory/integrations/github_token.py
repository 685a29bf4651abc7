"""Tokens for GitHub: minted for one repository at each use, so that one that ends or is revoked is replaced by the next."""

from dataclasses import dataclass, field
from typing import Protocol

from factory.domain.forge import GitHub
from factory.integrations.git_remote import Credential


class Mint(Protocol):
    """Where tokens come from."""

    def __call__(self, slug: str, *, renew: bool) -> str:
        """A token for `owner/name`; where the last one was refused, not one that was kept."""
        ...


@dataclass(frozen=True, slots=True)
class FixedToken:
    """The same token for every repository, as an operator's GITHUB_TOKEN is."""

    token: str = field(repr=False)

    def __call__(self, slug: str, *, renew: bool) -> str:  # noqa: ARG002 - the shape of `Mint`
        return self.token


@dataclass(frozen=True, slots=True)
class GitHubAccess:
    """What git needs to reach repositories of one GitHub over HTTP."""

    place: GitHub
    mint: Mint = field(repr=False)

    def __call__(self, repo: str, *, renew: bool) -> Credential | None:
        slug = self.place.slug(repo)
        if slug is None or not self.place.takes_token(repo):
            return None
        return Credential(self.place.web, self.mint(slug, renew=renew))

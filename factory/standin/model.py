"""What the stand-in keeps. Times are GitHub's: `2026-11-01T12:00:00Z`, whole seconds."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

ROLES = ("none", "read", "triage", "write", "maintain", "admin")


def digest(token: str) -> str:
    """What is kept of a token: whoever looks for one in files is to find it where it was put by mistake only."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(slots=True)
class Person:
    """Whoever may call. `tokens`: digests of theirs. `role`: in repositories that name none for them."""

    login: str
    tokens: list[str]
    kind: str = "User"
    role: str = "none"

    @property
    def key(self) -> str:
        return self.login


@dataclass(slots=True)
class Label:
    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(slots=True)
class Repository:
    """Of a bare repository what git does not know."""

    name: str
    private: bool = True
    default_branch: str = "main"
    roles: dict[str, str] = field(default_factory=dict)
    labels: list[Label] = field(default_factory=list)

    @property
    def key(self) -> str:
        return self.name

    @property
    def owner(self) -> str:
        return self.name.partition("/")[0]


@dataclass(slots=True)
class Comment:
    id: int
    author: str
    body: str
    created: str
    updated: str


@dataclass(slots=True)
class Event:
    """A line of the timeline. `more`: what this kind of event tells beside its actor, in GitHub's names."""

    id: int
    what: str
    actor: str
    at: str
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Review:
    """`state`: APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED or PENDING."""

    id: int
    author: str
    state: str
    body: str
    commit: str
    at: str


@dataclass(slots=True)
class Remark:
    """A review comment, on a line of the diff."""

    id: int
    review: int
    author: str
    body: str
    path: str
    line: int
    commit: str
    created: str
    updated: str
    reply_to: int | None = None


@dataclass(slots=True)
class Pull:
    """`sha` is kept up to date while it is open, and stays as it was when it is closed."""

    head: str
    base: str
    sha: str
    base_sha: str
    draft: bool = False
    merged_at: str | None = None
    merged_by: str | None = None
    merge_sha: str | None = None
    reviews: list[Review] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Logins whose review is asked for."""


@dataclass(slots=True)
class Issue:
    """An issue, or a pull request, which is one too. `edited`: when its text was changed last, a title apart."""

    repo: str
    number: int
    title: str
    body: str
    author: str
    created: str
    updated: str
    state: str = "open"
    state_reason: str | None = None
    closed_at: str | None = None
    closed_by: str | None = None
    locked: bool = False
    labels: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    pull: Pull | None = None
    edited: str | None = None

    @property
    def key(self) -> str:
        return f"{self.repo}#{self.number}"


@dataclass(slots=True)
class Check:
    """A check run. `status`: queued, in_progress or completed; `conclusion` only with the last."""

    id: int
    repo: str
    sha: str
    name: str
    app: str
    status: str
    conclusion: str | None
    started: str
    completed: str | None = None
    output: dict[str, Any] = field(default_factory=dict)
    details_url: str = ""
    external_id: str = ""

    @property
    def key(self) -> str:
        return str(self.id)


@dataclass(slots=True)
class Status:
    """A commit status. `state`: error, failure, pending or success."""

    id: int
    repo: str
    sha: str
    state: str
    context: str
    creator: str
    at: str
    description: str | None = None
    target_url: str | None = None

    @property
    def key(self) -> str:
        return str(self.id)


@dataclass(slots=True)
class App:
    """`repositories`: names of the account's repositories, or None for all of them. `permissions`: what was granted at installing."""

    id: int
    slug: str
    public_key: str
    installation: int
    account: str
    repositories: list[str] | None
    permissions: dict[str, str]

    @property
    def key(self) -> str:
        return str(self.id)

    @property
    def login(self) -> str:
        return f"{self.slug}[bot]"


@dataclass(slots=True)
class Grant:
    """An installation token, by its digest. `ends`: seconds since 1970."""

    token: str
    app: int
    repositories: list[str] | None
    permissions: dict[str, str]
    ends: float

    @property
    def key(self) -> str:
        return self.token


@dataclass(slots=True)
class Hook:
    """Where webhooks go. `events` empty: all. `installation`: of the App whose hook it is."""

    url: str
    secret: str
    events: list[str] = field(default_factory=list)
    installation: int | None = None

    @property
    def key(self) -> str:
        return self.url


Thing = Person | Repository | Issue | Check | Status | App | Grant | Hook

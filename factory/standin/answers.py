"""The shapes of GitHub's answers (docs.github.com/rest, version 2022-11-28) that stand in many others."""

import zlib
from typing import Any

from factory.standin.hub import Hub
from factory.standin.model import App, Label, Person, Repository

DOCUMENTATION = "https://docs.github.com/rest"
_LEVELS = {"pull": "read", "triage": "triage", "push": "write", "maintain": "maintain", "admin": "admin"}


def number_of(text: str) -> int:
    """An id that stays the same without being kept."""
    return zlib.crc32(text.encode())


def node(kind: str, number: int) -> str:
    return f"{kind}_{number}"


def user(hub: Hub, login: str) -> dict[str, Any]:
    url = f"{hub.base}/users/{login}"
    person = hub.store.get(Person, login)
    lists = ("followers", "subscriptions", "organizations", "repos", "received_events")
    return {
        "login": login, "id": number_of(login), "node_id": node("U", number_of(login)), "avatar_url": f"{hub.base}/avatars/{login}",
        "gravatar_id": "", "url": url, "html_url": f"{hub.base}/{login}", **{f"{name}_url": f"{url}/{name}" for name in lists},
        "following_url": f"{url}/following{{/other_user}}", "gists_url": f"{url}/gists{{/gist_id}}",
        "starred_url": f"{url}/starred{{/owner}}{{/repo}}", "events_url": f"{url}/events{{/privacy}}",
        "type": person.kind if person else "Bot" if login.endswith("[bot]") else "User", "site_admin": False, "user_view_type": "public",
    }  # fmt: skip


def optional_user(hub: Hub, login: str | None) -> dict[str, Any] | None:
    return user(hub, login) if login else None


def repository(hub: Hub, repo: str) -> dict[str, Any]:
    """In the short form, which stands in other answers."""
    there, number = hub.repository(repo), hub.number_of(repo)
    url = f"{hub.base}/repos/{repo}"
    return {
        "id": number, "node_id": node("R", number), "name": repo.partition("/")[2], "full_name": repo, "private": there.private,
        "owner": user(hub, there.owner), "html_url": f"{hub.base}/{repo}", "description": None, "fork": False, "url": url,
        **{f"{name}_url": url + rest for name, rest in _LINKS.items()},
    }  # fmt: skip


def whole_repository(hub: Hub, repo: str, role: str) -> dict[str, Any]:
    """In the long form. role: of who asks."""
    there, bare, then = hub.repository(repo), f"{hub.base}/{repo}.git", "2026-01-01T00:00:00Z"
    waiting = sum(one.state == "open" for one in hub.issues(repo))
    counts = dict.fromkeys(("forks", "forks_count", "stargazers_count", "watchers", "watchers_count"), 0)
    absent = dict.fromkeys(("is_template", "has_projects", "has_wiki", "has_pages", "has_downloads", "has_discussions", "archived"), False)
    return {
        **repository(hub, repo), **counts, **absent, "clone_url": bare, "git_url": bare, "ssh_url": bare, "svn_url": bare,
        "mirror_url": None, "homepage": None, "language": None, "license": None, "size": 1, "default_branch": there.default_branch,
        "open_issues": waiting, "open_issues_count": waiting, "topics": [], "has_issues": True, "disabled": False,
        "visibility": "private" if there.private else "public", "pushed_at": then, "created_at": then, "updated_at": then,
        "permissions": permissions(role), "web_commit_signoff_required": False,
    }  # fmt: skip


_LINKS = {
    "archive": "/{archive_format}{/ref}", "assignees": "/assignees{/user}", "blobs": "/git/blobs{/sha}", "branches": "/branches{/branch}",
    "collaborators": "/collaborators{/collaborator}", "comments": "/comments{/number}", "commits": "/commits{/sha}",
    "compare": "/compare/{base}...{head}", "contents": "/contents/{+path}", "contributors": "/contributors", "deployments": "/deployments",
    "downloads": "/downloads", "events": "/events", "forks": "/forks", "git_commits": "/git/commits{/sha}", "git_refs": "/git/refs{/sha}",
    "git_tags": "/git/tags{/sha}", "hooks": "/hooks", "issue_comment": "/issues/comments{/number}",
    "issue_events": "/issues/events{/number}", "issues": "/issues{/number}",
    "keys": "/keys{/key_id}", "labels": "/labels{/name}", "languages": "/languages", "merges": "/merges",
    "milestones": "/milestones{/number}", "notifications": "/notifications{?since,all,participating}", "pulls": "/pulls{/number}",
    "releases": "/releases{/id}", "stargazers": "/stargazers", "statuses": "/statuses/{sha}", "subscribers": "/subscribers",
    "subscription": "/subscription", "tags": "/tags", "teams": "/teams", "trees": "/git/trees{/sha}",
}  # fmt: skip


def permissions(role: str) -> dict[str, bool]:
    """Each right, by the least role that has it."""
    order = list(_LEVELS.values())
    reach = order.index(role) if role in order else -1
    return {name: order.index(level) <= reach for name, level in _LEVELS.items()}


def label(hub: Hub, repo: Repository, one: Label) -> dict[str, Any]:
    return {
        "id": one.id, "node_id": node("LA", one.id), "url": f"{hub.base}/repos/{repo.name}/labels/{one.name}", "name": one.name,
        "color": one.color, "default": False, "description": one.description,
    }  # fmt: skip


def association(hub: Hub, repo: str, login: str) -> str:
    """What somebody is to a repository; of no use for deciding what they may do there, as everywhere on GitHub."""
    there = hub.repository(repo)
    if login == there.owner:
        return "OWNER"
    return "COLLABORATOR" if there.roles.get(login, "none") != "none" else "NONE"


def app(hub: Hub, slug: str, given: App | None = None) -> dict[str, Any]:
    number = given.id if given else number_of(slug)
    owner = given.account if given else slug
    then = "2026-01-01T00:00:00Z"
    return {
        "id": number, "slug": slug, "node_id": node("A", number), "owner": user(hub, owner), "name": slug, "description": "",
        "external_url": hub.base, "html_url": f"{hub.base}/apps/{slug}", "created_at": then, "updated_at": then,
        "permissions": given.permissions if given else {"checks": "write"}, "events": [],
    }  # fmt: skip


def error(status: int, message: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    more = {"errors": errors} if errors else {}
    return {"message": message, **more, "documentation_url": DOCUMENTATION, "status": str(status)}

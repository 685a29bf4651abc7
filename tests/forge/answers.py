"""The shapes of GitHub's answers (docs.github.com/rest, version 2022-11-28): the fields that its clients read, by its names."""

from typing import Any

from tests.forge.hub import Pull

_THEN = "2026-11-01T12:00:00Z"
_DOCUMENTATION = "https://docs.github.com/rest"


def user(login: str) -> dict[str, Any]:
    return {"login": login, "id": sum(login.encode()), "type": "User", "site_admin": False}


def repository(base: str, repo: str, number: int) -> dict[str, Any]:
    owner, _, name = repo.partition("/")
    return {
        "id": number, "node_id": f"R_{number}", "name": name, "full_name": repo, "private": True, "owner": user(owner), "fork": False,
        "html_url": f"{base}/{repo}", "url": f"{base}/repos/{repo}", "pulls_url": f"{base}/repos/{repo}/pulls{{/number}}",
        "clone_url": f"{base}/{repo}.git", "default_branch": "main", "archived": False, "disabled": False, "visibility": "private",
        "permissions": {"admin": False, "push": True, "pull": True},
    }  # fmt: skip


def pull(base: str, one: Pull, number: int) -> dict[str, Any]:
    owner = one.repo.partition("/")[0]
    url = f"{base}/repos/{one.repo}/pulls/{one.number}"
    issue = f"{base}/repos/{one.repo}/issues/{one.number}"
    html = f"{base}/{one.repo}/pull/{one.number}"
    repo = repository(base, one.repo, number)
    closed = None if one.state == "open" else _THEN
    return {
        "url": url, "id": number * 1_000 + one.number, "node_id": f"PR_{one.number}", "html_url": html, "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch", "issue_url": issue, "comments_url": f"{issue}/comments", "number": one.number, "state": one.state,
        "locked": False, "title": one.title, "user": user("factory-bot"), "body": one.body or None, "labels": [], "milestone": None,
        "created_at": _THEN, "updated_at": _THEN, "closed_at": closed, "merged_at": _THEN if one.merged else None,
        "merge_commit_sha": one.sha if one.merged else None, "assignee": None, "assignees": [], "requested_reviewers": [],
        "requested_teams": [], "draft": False, "author_association": "CONTRIBUTOR", "auto_merge": None, "active_lock_reason": None,
        "head": {"label": f"{owner}:{one.head}", "ref": one.head, "sha": one.sha, "user": user(owner), "repo": repo},
        "base": {"label": f"{owner}:{one.base}", "ref": one.base, "sha": "0" * 40, "user": user(owner), "repo": repo},
        "_links": {"self": {"href": url}, "html": {"href": html}, "issue": {"href": issue}},
    }  # fmt: skip


def comment(base: str, repo: str, pull_number: int, number: int, body: str) -> dict[str, Any]:
    return {
        "id": pull_number * 1_000 + number, "node_id": f"IC_{number}", "url": f"{base}/repos/{repo}/issues/comments/{number}",
        "html_url": f"{base}/{repo}/pull/{pull_number}#issuecomment-{number}", "body": body, "user": user("factory-bot"),
        "created_at": _THEN, "updated_at": _THEN, "author_association": "CONTRIBUTOR",
    }  # fmt: skip


def error(status: int, message: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    more = {"errors": errors} if errors else {}
    return {"message": message, **more, "documentation_url": _DOCUMENTATION, "status": str(status)}

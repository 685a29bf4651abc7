"""The shapes of issues, comments and the lines of a timeline."""

from typing import Any

from factory.standin import answers
from factory.standin.hub import Hub
from factory.standin.labels_of import label_named
from factory.standin.model import Comment, Event, Issue


def issue(hub: Hub, one: Issue, *, whole: bool = True) -> dict[str, Any]:
    """`whole`: with who closed it, which lists leave out."""
    url, html = f"{hub.base}/repos/{one.repo}/issues/{one.number}", web(hub, one)
    there = hub.repository(one.repo)
    number = answers.number_of(one.key)
    return {
        "id": number, "node_id": answers.node("I", number), "url": url, "repository_url": f"{hub.base}/repos/{one.repo}",
        "labels_url": f"{url}/labels{{/name}}", "comments_url": f"{url}/comments", "events_url": f"{url}/events", "html_url": html,
        "number": one.number, "state": one.state, "state_reason": one.state_reason, "title": one.title, "body": one.body or None,
        "user": answers.user(hub, one.author), "labels": [answers.label(hub, there, label_named(there, name)) for name in one.labels],
        "assignee": answers.optional_user(hub, one.assignees[0] if one.assignees else None),
        "assignees": [answers.user(hub, login) for login in one.assignees], "milestone": None, "locked": one.locked,
        "active_lock_reason": None, "comments": len(one.comments), "closed_at": one.closed_at, "created_at": one.created,
        "updated_at": one.updated, "author_association": answers.association(hub, one.repo, one.author),
        "timeline_url": f"{url}/timeline", "performed_via_github_app": None, "reactions": reactions(url),
        **({"closed_by": answers.optional_user(hub, one.closed_by)} if whole else {}),
        **({"pull_request": _pull(hub, one), "draft": one.pull.draft} if one.pull else {}),
    }  # fmt: skip


def web(hub: Hub, one: Issue) -> str:
    """Its page, where a person would look at it."""
    return f"{hub.base}/{one.repo}/{'pull' if one.pull else 'issues'}/{one.number}"


def _pull(hub: Hub, one: Issue) -> dict[str, Any]:
    html = web(hub, one)
    return {
        "url": f"{hub.base}/repos/{one.repo}/pulls/{one.number}", "html_url": html, "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch", "merged_at": one.pull.merged_at if one.pull else None,
    }  # fmt: skip


def reactions(url: str) -> dict[str, Any]:
    kinds = ("total_count", "+1", "-1", "laugh", "confused", "heart", "hooray", "eyes", "rocket")
    return {"url": f"{url}/reactions", **dict.fromkeys(kinds, 0)}


def comment(hub: Hub, of: Issue, one: Comment) -> dict[str, Any]:
    url = f"{hub.base}/repos/{of.repo}/issues/comments/{one.id}"
    return {
        "id": one.id, "node_id": answers.node("IC", one.id), "url": url, "html_url": f"{web(hub, of)}#issuecomment-{one.id}",
        "issue_url": f"{hub.base}/repos/{of.repo}/issues/{of.number}", "body": one.body, "user": answers.user(hub, one.author),
        "created_at": one.created, "updated_at": one.updated, "author_association": answers.association(hub, of.repo, one.author),
        "performed_via_github_app": None, "reactions": reactions(url),
    }  # fmt: skip


def event(hub: Hub, of: Issue, one: Event) -> dict[str, Any]:
    more = dict(one.more)
    for name in ("assignee", "review_requester", "requested_reviewer"):
        if name in more:
            more[name] = answers.user(hub, more[name])
    return {
        "id": one.id, "node_id": answers.node("EV", one.id), "url": f"{hub.base}/repos/{of.repo}/issues/events/{one.id}",
        "actor": answers.user(hub, one.actor), "event": one.what, "commit_id": None, "commit_url": None, "created_at": one.at,
        "performed_via_github_app": None, **more,
    }  # fmt: skip

"""The shapes of pull requests, reviews and review comments."""

from typing import Any

from factory.standin import answers
from factory.standin.answers_issues import reactions, web
from factory.standin.hub import Hub
from factory.standin.labels_of import label_named
from factory.standin.model import Issue, Pull, Remark, Review


def pull(hub: Hub, one: Issue) -> dict[str, Any]:
    """As lists show it: without what takes work to find out."""
    of = _pull_of(one)
    url, html = f"{hub.base}/repos/{one.repo}/pulls/{one.number}", web(hub, one)
    issue = f"{hub.base}/repos/{one.repo}/issues/{one.number}"
    there, number = hub.repository(one.repo), answers.number_of(f"pull {one.key}")
    statuses = f"{hub.base}/repos/{one.repo}/statuses/{of.sha}"
    links = {
        "self": url, "html": html, "issue": issue, "comments": f"{issue}/comments", "review_comments": f"{url}/comments",
        "review_comment": f"{hub.base}/repos/{one.repo}/pulls/comments{{/number}}", "commits": f"{url}/commits", "statuses": statuses,
    }  # fmt: skip
    return {
        "url": url, "id": number, "node_id": answers.node("PR", number), "html_url": html, "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch", "issue_url": issue, "commits_url": links["commits"], "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"], "comments_url": links["comments"], "statuses_url": statuses,
        "number": one.number, "state": one.state, "locked": one.locked, "title": one.title, "user": answers.user(hub, one.author),
        "body": one.body or None, "labels": [answers.label(hub, there, label_named(there, name)) for name in one.labels],
        "milestone": None, "created_at": one.created, "updated_at": one.updated, "closed_at": one.closed_at, "merged_at": of.merged_at,
        "merge_commit_sha": of.merge_sha, "assignee": None, "assignees": [],
        "requested_reviewers": [answers.user(hub, login) for login in of.asked], "requested_teams": [], "draft": of.draft,
        "author_association": answers.association(hub, one.repo, one.author), "auto_merge": None, "active_lock_reason": None,
        "head": _end(hub, one.repo, of.head, of.sha), "base": _end(hub, one.repo, of.base, of.base_sha),
        "_links": {name: {"href": address} for name, address in links.items()},
    }  # fmt: skip


def _end(hub: Hub, repo: str, ref: str, sha: str) -> dict[str, Any]:
    owner = repo.partition("/")[0]
    return {
        "label": f"{owner}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": answers.user(hub, owner),
        "repo": answers.whole_repository(hub, repo, "read"),
    }


def review(hub: Hub, of: Issue, one: Review) -> dict[str, Any]:
    html, url = f"{web(hub, of)}#pullrequestreview-{one.id}", f"{hub.base}/repos/{of.repo}/pulls/{of.number}"
    return {
        "id": one.id, "node_id": answers.node("PRR", one.id), "user": answers.user(hub, one.author), "body": one.body, "state": one.state,
        "html_url": html, "pull_request_url": url, "_links": {"html": {"href": html}, "pull_request": {"href": url}},
        "submitted_at": one.at, "commit_id": one.commit, "author_association": answers.association(hub, of.repo, one.author),
    }  # fmt: skip


def remark(hub: Hub, of: Issue, one: Remark) -> dict[str, Any]:
    url = f"{hub.base}/repos/{of.repo}/pulls/comments/{one.id}"
    pull, html = f"{hub.base}/repos/{of.repo}/pulls/{of.number}", f"{web(hub, of)}#discussion_r{one.id}"
    reply = {"in_reply_to_id": one.reply_to} if one.reply_to else {}
    return {
        "id": one.id, "node_id": answers.node("PRRC", one.id), "url": url, "pull_request_review_id": one.review, "diff_hunk": "@@ -1 +1 @@",
        "path": one.path, "commit_id": one.commit, "original_commit_id": one.commit, "user": answers.user(hub, one.author),
        "body": one.body, "created_at": one.created, "updated_at": one.updated, "html_url": html, "pull_request_url": pull,
        "author_association": answers.association(hub, of.repo, one.author), "line": one.line, "original_line": one.line, "side": "RIGHT",
        "position": one.line, "original_position": one.line, "start_line": None, "original_start_line": None, "start_side": None,
        "subject_type": "line", "reactions": reactions(url), **reply,
        "_links": {"self": {"href": url}, "html": {"href": html}, "pull_request": {"href": pull}},
    }  # fmt: skip


def _pull_of(one: Issue) -> Pull:
    assert one.pull is not None  # noqa: S101 - whoever asks has a pull request
    return one.pull

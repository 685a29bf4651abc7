"""Pull requests: finding, opening and changing them."""

from typing import Any

from factory.standin import answers, checks_state, issues, pulls_state
from factory.standin.answers_pulls import pull as shape
from factory.standin.call import Answer, Call
from factory.standin.model import Issue, Pull
from factory.standin.refusals import Missing, Unprocessable, custom
from factory.standin.routing import Route

_AREA = ("pull_requests",)


def of(call: Call) -> tuple[Issue, Pull]:
    """The one that the path names, as its branches are now. Raises `Missing`."""
    pulls_state.follow(call.hub, call.repo)
    issue = call.issue
    if issue.pull is None:
        raise Missing
    return issue, issue.pull


def _list(call: Call) -> Answer:
    """Newest first. As GitHub does, a `head` that is no `owner:branch` filters nothing."""
    pulls_state.follow(call.hub, call.repo)
    asked, (owner, colon, branch) = call.query, call.query.get("head", "").partition(":")
    found = [one for one in call.hub.issues(call.repo) if one.pull and asked.get("state", "open") in {"all", one.state}]
    if colon:
        found = [one for one in found if one.pull and owner == call.repository.owner and one.pull.head == branch]
    if base := asked.get("base"):
        found = [one for one in found if one.pull and one.pull.base == base]
    is_rising = asked.get("direction", "desc" if asked.get("sort", "created") == "created" else "asc") == "asc"
    found.sort(key=lambda one: (one.updated if asked.get("sort") == "updated" else "", one.number), reverse=not is_rising)
    return call.page(found, lambda one: shape(call.hub, one))


def _create(call: Call) -> Answer:
    pulls_state.follow(call.hub, call.repo)
    hub, login, heads = call.hub, call.by.login, call.hub.bare(call.repo).heads()
    head, base = str(call.given.get("head", "")).rpartition(":")[2], str(call.given.get("base", ""))
    _check_new(call, heads, head, base)
    issue = hub.new_issue(call.repo, call.text("title", "PullRequest"), str(call.given.get("body") or ""), login)
    issue.pull = Pull(head, base, heads[head], heads[base], draft=bool(call.given.get("draft")))
    hub.touched(issue)
    hub.note("pull", repo=issue.repo, number=issue.number, head=head, sha=issue.pull.sha, by=login)
    pulls_state.tell(call, issue, "opened")
    return Answer(201, whole(call, issue, issue.pull))


def _check_new(call: Call, heads: dict[str, str], head: str, base: str) -> None:
    for name, branch in (("head", head), ("base", base)):
        if branch not in heads:
            raise Unprocessable({"resource": "PullRequest", "field": name, "code": "invalid"})
    if call.hub.bare(call.repo).is_ancestor(heads[head], heads[base]):
        raise custom("PullRequest", f"No commits between {base} and {head}")
    pulls_state.check_new(call, head, base)


def _one(call: Call) -> Answer:
    return Answer(data=whole(call, *of(call)))


def whole(call: Call, issue: Issue, pull: Pull) -> dict[str, Any]:
    """With all that takes work to find out, git's own try of the merge among it."""
    hub, bare = call.hub, call.hub.bare(issue.repo)
    changes, is_open = bare.changes(pull.base_sha, pull.sha), issue.state == "open"
    mergeable = pulls_state.is_mergeable(bare, pull) if is_open else None
    return {
        **shape(hub, issue), "merged": pull.merged_at is not None, "mergeable": mergeable, "rebaseable": mergeable,
        "mergeable_state": _state(call, issue, pull, mergeable), "merged_by": answers.optional_user(hub, pull.merged_by),
        "comments": len(issue.comments), "review_comments": len(pull.remarks), "maintainer_can_modify": False,
        "commits": len(bare.commits(pull.base_sha, pull.sha)), "additions": sum(added for _, added, _ in changes),
        "deletions": sum(removed for _, _, removed in changes), "changed_files": len(changes),
    }  # fmt: skip


def _state(call: Call, issue: Issue, pull: Pull, mergeable: bool | None) -> str:  # noqa: FBT001 - GitHub's three values
    if mergeable is None:
        return "unknown"
    if not mergeable:
        return "dirty"
    if pull.draft:
        return "draft"
    return "clean" if checks_state.is_green(call.hub, issue.repo, pull.sha) else "unstable"


def _edit(call: Call) -> Answer:
    issue, pull = of(call)
    given, heads = call.given, call.hub.bare(call.repo).heads()
    issues.edit_text(call, issue)
    if given.get("base", pull.base) != pull.base:
        if given["base"] not in heads:
            raise Unprocessable({"resource": "PullRequest", "field": "base", "code": "invalid"})
        pull.base, pull.base_sha = given["base"], heads[given["base"]]
        call.hub.note("edit", repo=issue.repo, number=issue.number, fields=["base"], by=call.by.login)
    if given.get("state", issue.state) != issue.state:
        issues.move(call, issue, str(given["state"]))
    call.hub.touched(issue)
    return Answer(data=whole(call, issue, pull))


def _commits(call: Call) -> Answer:
    _, pull = of(call)
    bare = call.hub.bare(call.repo)
    return call.page(bare.commits(pull.base_sha, pull.sha), lambda sha: commit(call, sha))


def commit(call: Call, sha: str) -> dict[str, Any]:
    found = call.hub.bare(call.repo).commit(sha)
    url, html = f"{call.hub.base}/repos/{call.repo}", f"{call.hub.base}/{call.repo}"
    who = {"name": found["author"], "email": found["email"], "date": found["at"]}
    parents = [{"sha": one, "url": f"{url}/commits/{one}", "html_url": f"{html}/commit/{one}"} for one in found["parents"].split()]
    return {
        "sha": sha, "node_id": f"C_{sha}", "url": f"{url}/commits/{sha}", "html_url": f"{html}/commit/{sha}",
        "comments_url": f"{url}/commits/{sha}/comments", "author": None, "committer": None, "parents": parents,
        "commit": {
            "url": f"{url}/git/commits/{sha}", "author": who, "committer": who, "message": found["message"], "comment_count": 0,
            "tree": {"sha": found["tree"], "url": f"{url}/git/trees/{found['tree']}"},
            "verification": {"verified": False, "reason": "unsigned", "payload": None, "signature": None, "verified_at": None},
        },
    }  # fmt: skip


def _files(call: Call) -> Answer:
    _, pull = of(call)
    bare, url = call.hub.bare(call.repo), f"{call.hub.base}/repos/{call.repo}"

    def shown(change: tuple[str, int, int]) -> dict[str, Any]:
        path, added, removed = change
        blob = bare.resolve(pull.sha) or pull.sha
        return {
            "sha": blob, "filename": path, "status": "modified", "additions": added, "deletions": removed, "changes": added + removed,
            "blob_url": f"{url}/blob/{blob}/{path}", "raw_url": f"{url}/raw/{blob}/{path}",
            "contents_url": f"{url}/contents/{path}?ref={blob}",
        }  # fmt: skip

    return call.page(bare.changes(pull.base_sha, pull.sha), shown)


ROUTES = (
    Route("GET", "/repos/{repo}/pulls", "pulls", _list, _AREA),
    Route("POST", "/repos/{repo}/pulls", "pulls", _create, _AREA, "write"),
    Route("GET", "/repos/{repo}/pulls/{number}", "pull", _one, _AREA),
    Route("PATCH", "/repos/{repo}/pulls/{number}", "pull", _edit, _AREA, "write", "write"),
    Route("GET", "/repos/{repo}/pulls/{number}/commits", "pull commits", _commits, _AREA),
    Route("GET", "/repos/{repo}/pulls/{number}/files", "pull files", _files, _AREA),
)

"""Check runs and check suites. Only Apps make them, as on GitHub."""

from typing import Any

from factory.standin import answers, checks_state
from factory.standin.call import Answer, Call
from factory.standin.model import App, Check
from factory.standin.refusals import Forbidden, Missing, Unprocessable, lacking
from factory.standin.routing import Route

_AREA = ("checks",)
_STATUSES = {"queued", "in_progress", "completed"}
_CONCLUSIONS = {"success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required"}
_TEXTS = ("title", "summary", "text")


def _create(call: Call) -> Answer:
    given, hub = call.given, call.hub
    if call.by.app is None:
        raise Forbidden("You must authenticate via a GitHub App.")
    name, sha = call.text("name", "CheckRun"), hub.bare(call.repo).resolve(call.text("head_sha", "CheckRun"))
    if sha is None:
        raise Unprocessable(message=f"No commit found for SHA: {given['head_sha']}")
    made = Check(hub.store.fresh_id(), call.repo, sha, name, call.by.app.slug, "queued", None, hub.now)
    made.details_url, made.external_id = str(given.get("details_url") or ""), str(given.get("external_id") or "")
    _take(call, made)
    hub.note("check", repo=made.repo, id=made.id, sha=sha, name=name, status=made.status, conclusion=made.conclusion, by=call.by.login)
    _tell(call, made, "created")
    if made.status == "completed":
        _tell(call, made, "completed")
    return Answer(201, shape(call, made))


def _take(call: Call, one: Check) -> None:
    given = call.given
    one.status = str(given.get("status", "completed" if "conclusion" in given else one.status))
    one.conclusion = given.get("conclusion", one.conclusion)
    if one.status not in _STATUSES or (one.conclusion is not None and one.conclusion not in _CONCLUSIONS):
        raise Unprocessable(message="Invalid request.\n\nInvalid status or conclusion.")
    if (one.status == "completed") != (one.conclusion is not None):
        raise lacking("CheckRun", "conclusion")
    one.completed = call.hub.now if one.status == "completed" else None
    one.output = {**one.output, **given.get("output", {})}
    call.hub.store.put(one)


def _change(call: Call) -> Answer:
    one = _of_id(call)
    if call.by.app is None or call.by.app.slug != one.app:
        raise Forbidden("Invalid app_id `None` - check run can only be modified by the GitHub App that created it.")
    _take(call, one)
    call.hub.note("check", repo=one.repo, id=one.id, sha=one.sha, name=one.name, status=one.status, conclusion=one.conclusion,
                  by=call.by.login)  # fmt: skip
    _tell(call, one, "completed" if one.status == "completed" else "created")
    return Answer(data=shape(call, one))


def _tell(call: Call, one: Check, action: str) -> None:
    hub, login = call.hub, call.by.login
    hub.tell("check_run", one.repo, login, action=action, check_run=shape(call, one))
    if action == "completed":
        hub.tell("check_suite", one.repo, login, action="completed", check_suite=_suite(call, one.sha, one.app))


def _of_id(call: Call) -> Check:
    one = call.hub.store.get(Check, call.place["id"])
    if one is None or one.repo != call.repo:
        raise Missing
    return one


def _one(call: Call) -> Answer:
    return Answer(data=shape(call, _of_id(call)))


def _of_commit(call: Call) -> Answer:
    """Of each name the latest, unless `filter=all`."""
    asked, sha = call.query, _sha(call)
    listed = (checks_state.runs if asked.get("filter") == "all" else checks_state.latest_runs)(call.hub, call.repo, sha)
    listed = [one for one in listed if asked.get("check_name", one.name) == one.name and asked.get("status", one.status) == one.status]
    return call.page(listed[::-1], lambda one: shape(call, one), lambda total, part: {"total_count": total, "check_runs": part})


def _suites(call: Call) -> Answer:
    sha = _sha(call)
    slugs = sorted({one.app for one in checks_state.runs(call.hub, call.repo, sha)})
    return call.page(slugs, lambda slug: _suite(call, sha, slug), lambda total, part: {"total_count": total, "check_suites": part})


def _sha(call: Call) -> str:
    sha = call.hub.bare(call.repo).resolve(call.place["ref"])
    if sha is None:
        raise Unprocessable(message=f"No commit found for SHA: {call.place['ref']}")
    return sha


def shape(call: Call, one: Check) -> dict[str, Any]:
    hub, url = call.hub, f"{call.hub.base}/repos/{one.repo}/check-runs/{one.id}"
    pulls = [issue for issue in hub.issues(one.repo) if issue.pull and issue.pull.sha == one.sha]
    return {
        "id": one.id, "node_id": answers.node("CR", one.id), "name": one.name, "head_sha": one.sha, "external_id": one.external_id,
        "url": url, "html_url": f"{hub.base}/{one.repo}/runs/{one.id}", "details_url": one.details_url or None, "status": one.status,
        "conclusion": one.conclusion, "started_at": one.started, "completed_at": one.completed,
        "check_suite": {"id": _suite_id(one.sha, one.app)},
        "output": {**{name: one.output.get(name) for name in _TEXTS}, "annotations_count": 0, "annotations_url": f"{url}/annotations"},
        "app": _app(call, one.app), "pull_requests": [_pull(call, issue.number, one.sha) for issue in pulls],
    }  # fmt: skip


def _pull(call: Call, number: int, sha: str) -> dict[str, Any]:
    pull = call.hub.issue(call.repo, number).pull
    assert pull is not None  # noqa: S101 - selected by whoever calls
    repo = {"id": call.hub.number_of(call.repo), "name": call.repo.partition("/")[2], "url": f"{call.hub.base}/repos/{call.repo}"}
    ends = {"head": {"ref": pull.head, "sha": sha, "repo": repo}, "base": {"ref": pull.base, "sha": pull.base_sha, "repo": repo}}
    return {"id": number, "number": number, "url": f"{repo['url']}/pulls/{number}", **ends}


def _app(call: Call, slug: str) -> dict[str, Any]:
    known = next((one for one in call.hub.store.all(App) if one.slug == slug), None)
    return answers.app(call.hub, slug, known)


def _suite_id(sha: str, app: str) -> int:
    return answers.number_of(f"{sha} {app}")


def _suite(call: Call, sha: str, app: str) -> dict[str, Any]:
    runs = [one for one in checks_state.latest_runs(call.hub, call.repo, sha) if one.app == app]
    number, url = _suite_id(sha, app), f"{call.hub.base}/repos/{call.repo}"
    is_over = all(one.status == "completed" for one in runs)
    worst = next((one.conclusion for one in runs if one.conclusion not in {"success", "neutral", "skipped"}), "success")
    return {
        "id": number, "node_id": answers.node("CS", number), "head_branch": None, "head_sha": sha, "before": None, "after": None,
        "status": "completed" if is_over else "in_progress", "conclusion": worst if is_over else None, "pull_requests": [],
        "url": f"{url}/check-suites/{number}", "app": _app(call, app), "repository": answers.repository(call.hub, call.repo),
        "created_at": runs[0].started, "updated_at": runs[-1].completed or runs[-1].started, "latest_check_runs_count": len(runs),
        "check_runs_url": f"{url}/check-suites/{number}/check-runs",
        "head_commit": {"id": sha, "tree_id": sha, "message": "", "timestamp": runs[0].started, "author": None, "committer": None},
    }  # fmt: skip


ROUTES = (
    Route("POST", "/repos/{repo}/check-runs", "check-runs", _create, _AREA, "write"),
    Route("GET", "/repos/{repo}/check-runs/{id}", "check-run", _one, _AREA),
    Route("PATCH", "/repos/{repo}/check-runs/{id}", "check-run", _change, _AREA, "write"),
    Route("GET", "/repos/{repo}/commits/{ref}/check-runs", "check-runs", _of_commit, _AREA),
    Route("GET", "/repos/{repo}/commits/{ref}/check-suites", "check-suites", _suites, _AREA),
)

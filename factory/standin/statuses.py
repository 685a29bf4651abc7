"""Commit statuses: the older way in which a check says how it went."""

from typing import Any

from factory.standin import answers, checks_state
from factory.standin.call import Answer, Call
from factory.standin.model import Status
from factory.standin.refusals import Unprocessable
from factory.standin.routing import Route

_AREA = ("statuses",)
_STATES = {"error", "failure", "pending", "success"}


def _create(call: Call) -> Answer:
    hub, given, sha = call.hub, call.given, _sha(call)
    if given.get("state") not in _STATES:
        raise Unprocessable({"resource": "Status", "code": "custom", "field": "state", "message": "state is not included in the list"})
    made = Status(hub.store.fresh_id(), call.repo, sha, given["state"], str(given.get("context") or "default"), call.by.login, hub.now)
    made.description, made.target_url = given.get("description"), given.get("target_url")
    hub.store.put(made)
    hub.note("status", repo=made.repo, sha=sha, state=made.state, context=made.context, by=made.creator)
    hub.tell("status", call.repo, call.by.login, id=made.id, sha=sha, state=made.state, context=made.context,
             description=made.description, target_url=made.target_url, created_at=made.at, updated_at=made.at)  # fmt: skip
    return Answer(201, _shape(call, made))


def _list(call: Call) -> Answer:
    """Newest first."""
    return call.page(checks_state.statuses(call.hub, call.repo, _sha(call)), lambda one: _shape(call, one))


def _combined(call: Call) -> Answer:
    sha = _sha(call)
    latest = checks_state.latest_statuses(call.hub, call.repo, sha)
    url = f"{call.hub.base}/repos/{call.repo}/commits/{sha}"

    def around(total: int, part: list[Any]) -> dict[str, Any]:
        repository = answers.repository(call.hub, call.repo)
        return {"state": _together({one.state for one in latest}), "statuses": part, "sha": sha, "total_count": total,
                "repository": repository, "commit_url": url, "url": f"{url}/status"}  # fmt: skip

    return call.page(latest, lambda one: _simple(call, one), around)


def _together(states: set[str]) -> str:
    """Also `pending` where there are none: GitHub knows of nothing that went well."""
    if states & {"error", "failure"}:
        return "failure"
    return "success" if states == {"success"} else "pending"


def _sha(call: Call) -> str:
    sha = call.hub.bare(call.repo).resolve(call.place["ref"])
    if sha is None:
        raise Unprocessable(message=f"No commit found for SHA: {call.place['ref']}")
    return sha


def _simple(call: Call, one: Status) -> dict[str, Any]:
    return {
        "url": f"{call.hub.base}/repos/{one.repo}/statuses/{one.sha}", "id": one.id, "node_id": answers.node("SC", one.id),
        "avatar_url": f"{call.hub.base}/avatars/{one.creator}", "state": one.state, "description": one.description,
        "target_url": one.target_url, "context": one.context, "created_at": one.at, "updated_at": one.at,
    }  # fmt: skip


def _shape(call: Call, one: Status) -> dict[str, Any]:
    return {**_simple(call, one), "creator": answers.user(call.hub, one.creator)}


ROUTES = (
    Route("POST", "/repos/{repo}/statuses/{ref}", "statuses", _create, _AREA, "write", "write"),
    Route("GET", "/repos/{repo}/commits/{ref}/statuses", "statuses", _list, _AREA),
    Route("GET", "/repos/{repo}/commits/{ref}/status", "status", _combined, _AREA),
)

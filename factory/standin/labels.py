"""Labels of repositories, and labels on issues."""

from collections.abc import Iterable
from typing import Any

from factory.standin import answers
from factory.standin.answers_issues import issue as shape
from factory.standin.call import Answer, Call
from factory.standin.labels_of import ensured, label_named
from factory.standin.model import Issue, Label
from factory.standin.refusals import Missing, Unprocessable
from factory.standin.routing import Route

_BOTH = ("issues", "pull_requests")
_MAX_NAME = 50


# -- on issues --------------------------------------------------------------------------------------------------------


def add(call: Call, issue: Issue, names: Iterable[str]) -> None:
    """Those that are there already stay as they are, without an event."""
    for name in names:
        label = ensured(call.hub, call.repository, _checked(name))
        if label.name not in issue.labels:
            issue.labels.append(label.name)
            _tell(call, issue, label, "labeled")


def remove(call: Call, issue: Issue, names: Iterable[str]) -> None:
    for name in names:
        issue.labels.remove(name)
        _tell(call, issue, label_named(call.repository, name), "unlabeled")


def replace(call: Call, issue: Issue, names: list[str]) -> None:
    wanted = {ensured(call.hub, call.repository, _checked(name)).name for name in names}
    remove(call, issue, [name for name in issue.labels if name not in wanted])
    add(call, issue, names)


def names_in(given: object) -> list[str]:
    """GitHub takes `{"labels": [...]}`, a bare list, texts and objects with a name."""
    listed = given.get("labels") if isinstance(given, dict) else given
    if not isinstance(listed, list):
        raise Unprocessable(message='Invalid request.\n\nNo subschema in "anyOf" matched.')
    return [str(one["name"]) if isinstance(one, dict) else str(one) for one in listed]


def _tell(call: Call, issue: Issue, label: Label, what: str) -> None:
    hub, login = call.hub, call.by.login
    hub.happened(issue, what, login, label={"name": label.name, "color": label.color})
    hub.touched(issue)
    hub.note("label", repo=issue.repo, number=issue.number, action=what, label=label.name, by=login)
    kind, thing = ("pull_request", "pull_request") if issue.pull else ("issues", "issue")
    hub.tell(kind, issue.repo, login, action=what, label=answers.label(hub, call.repository, label), number=issue.number,
             **{thing: shape(hub, issue)})  # fmt: skip


def _checked(name: str) -> str:
    if not name.strip() or len(name) > _MAX_NAME:
        raise Unprocessable({"resource": "Label", "field": "name", "code": "invalid", "value": name})
    return name


def _shown(call: Call, issue: Issue) -> Answer:
    return call.page(issue.labels, lambda name: answers.label(call.hub, call.repository, label_named(call.repository, name)))


def _of_issue(call: Call) -> Answer:
    return _shown(call, call.issue)


def _add(call: Call) -> Answer:
    issue = call.issue
    add(call, issue, names_in(call.json))
    return _shown(call, issue)


def _set(call: Call) -> Answer:
    issue = call.issue
    replace(call, issue, names_in(call.json))
    return _shown(call, issue)


def _clear(call: Call) -> Answer:
    issue = call.issue
    remove(call, issue, list(issue.labels))
    return Answer(204)


def _remove(call: Call) -> Answer:
    issue = call.issue
    there = [name for name in issue.labels if name.casefold() == call.place["name"].casefold()]
    if not there:
        raise Missing("Label does not exist")
    remove(call, issue, there)
    return _shown(call, issue)


# -- of repositories --------------------------------------------------------------------------------------------------


def _all(call: Call) -> Answer:
    return call.page(call.repository.labels, lambda one: answers.label(call.hub, call.repository, one))


def _one(call: Call) -> Answer:
    return Answer(data=_shape(call, label_named(call.repository, call.place["name"])))


def _create(call: Call) -> Answer:
    repo, name = call.repository, _checked(call.text("name", "Label"))
    if any(one.name.casefold() == name.casefold() for one in repo.labels):
        raise Unprocessable({"resource": "Label", "code": "already_exists", "field": "name"})
    made = Label(call.hub.store.fresh_id(), name, str(call.given.get("color") or "ededed"), call.given.get("description"))
    repo.labels.append(made)
    call.hub.store.put(repo)
    call.hub.note("repository label", repo=repo.name, action="created", label=name, by=call.by.login)
    return Answer(201, _shape(call, made))


def _change(call: Call) -> Answer:
    repo = call.repository
    one, before = label_named(repo, call.place["name"]), call.place["name"]
    one.name = str(call.given.get("new_name") or one.name)
    one.color, one.description = str(call.given.get("color", one.color)), call.given.get("description", one.description)
    for issue in call.hub.issues(repo.name):
        if before in issue.labels:
            issue.labels[issue.labels.index(before)] = one.name
            call.hub.store.put(issue)
    call.hub.store.put(repo)
    return Answer(data=_shape(call, one))


def _delete(call: Call) -> Answer:
    repo = call.repository
    one = label_named(repo, call.place["name"])
    for issue in call.hub.issues(repo.name):
        if one.name in issue.labels:
            remove(call, issue, [one.name])
    repo.labels.remove(one)
    call.hub.store.put(repo)
    return Answer(204)


def _shape(call: Call, one: Label) -> dict[str, Any]:
    return answers.label(call.hub, call.repository, one)


ROUTES = (
    Route("GET", "/repos/{repo}/issues/{number}/labels", "issue labels", _of_issue, _BOTH),
    Route("POST", "/repos/{repo}/issues/{number}/labels", "issue labels", _add, _BOTH, "write", "triage"),
    Route("PUT", "/repos/{repo}/issues/{number}/labels", "issue labels", _set, _BOTH, "write", "triage"),
    Route("DELETE", "/repos/{repo}/issues/{number}/labels", "issue labels", _clear, _BOTH, "write", "triage"),
    Route("DELETE", "/repos/{repo}/issues/{number}/labels/{name}", "issue label", _remove, _BOTH, "write", "triage"),
    Route("GET", "/repos/{repo}/labels", "labels", _all, _BOTH),
    Route("POST", "/repos/{repo}/labels", "labels", _create, _BOTH, "write", "write"),
    Route("GET", "/repos/{repo}/labels/{name}", "label", _one, _BOTH),
    Route("PATCH", "/repos/{repo}/labels/{name}", "label", _change, _BOTH, "write", "write"),
    Route("DELETE", "/repos/{repo}/labels/{name}", "label", _delete, _BOTH, "write", "write"),
)

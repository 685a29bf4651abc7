"""GraphQL, as much of it as one question takes: when an issue was changed, and when its text was, which the other API does not tell.

GitHub answers 200 also where it refuses: what is wrong stands in `errors`.
"""

import re
from typing import Any

from factory.standin.call import Answer, Call
from factory.standin.callers import check
from factory.standin.model import Issue
from factory.standin.refusals import Forbidden, Missing
from factory.standin.routing import Route

PATH = "/graphql"
_FIELDS = {"updatedAt": lambda one: one.updated, "lastEditedAt": lambda one: one.edited}
_ISSUE = re.compile(r"repository\(owner: \$owner, name: \$name\) \{ issue\(number: \$number\) \{ (?P<fields>[\w ]+) \} \}")


def _ask(call: Call) -> Answer:
    asked = _ISSUE.search(str(call.given.get("query", "")))
    fields = asked["fields"].split() if asked else []
    unknown = [name for name in fields if name not in _FIELDS]
    if not fields or unknown:
        return Answer(data={"errors": [{"message": f"{unknown or 'this'} is none of what is known here: {sorted(_FIELDS)}"}]})
    given = call.given["variables"]
    repo = f"{given['owner']}/{given['name']}"
    try:
        check(call.hub, call.by, repo, areas=("issues",), level="read", role="read")
        issue = call.hub.issue(repo, int(given["number"]))
    except Missing:
        return _refused("NOT_FOUND", f"Could not resolve to a Repository with the name '{repo}', or to its issue.")
    except Forbidden as refusal:
        return _refused("FORBIDDEN", refusal.message)
    return Answer(data={"data": {"repository": {"issue": _shape(issue, fields)}}})


def _shape(issue: Issue, fields: list[str]) -> dict[str, str | None]:
    return {name: _FIELDS[name](issue) for name in fields}


def _refused(kind: str, message: str) -> Answer:
    wrong: dict[str, Any] = {"type": kind, "path": ["repository"], "message": message}
    return Answer(data={"data": {"repository": None}, "errors": [wrong]})


ROUTES = (Route("POST", PATH, "graphql", _ask),)

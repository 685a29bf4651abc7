"""When the body of an issue was last changed. Of GitHub's two APIs only GraphQL tells.

Nothing but a plain answer says that it was not changed: where GitHub refuses to tell, nobody knows; where it cannot now, it is asked again.
"""

from datetime import datetime

from factory.errors import ForgeRefused, ForgeUnavailable
from factory.integrations.github_calls import Answered, Line
from factory.integrations.github_errors import told, wait_of

QUERY = (
    "query($owner: String!, $name: String!, $number: Int!) "
    "{ repository(owner: $owner, name: $name) { issue(number: $number) { updatedAt lastEditedAt } } }"
)
_REFUSED = frozenset({"FORBIDDEN", "INSUFFICIENT_SCOPES", "NOT_FOUND"})
"""Kinds of errors that stay: the token, or this server, does not tell."""
_LIMITED = "RATE_LIMITED"


def body_changed_at(line: Line, repo: str, number: int, seen_at: float) -> float | None:
    """See `issue_ports.IssueSource.body_changed_at`."""
    owner, _, name = repo.partition("/")
    try:
        answer = line.graph(QUERY, {"owner": owner, "name": name, "number": number})
    except ForgeRefused:
        return None  # a server without GraphQL
    if _is_refused(answer, repo):
        return None
    issue = answer.data["data"]["repository"]["issue"]
    if _seconds(issue["updatedAt"]) < seen_at:
        older = f"its issue {number} is older there than it was seen"
        raise ForgeUnavailable(f"GitHub could not answer for {repo} ({older}).")
    return _seconds(issue["lastEditedAt"]) if issue["lastEditedAt"] else 0.0


def _is_refused(answer: Answered, repo: str) -> bool:
    """Whether it is an answer that stays. Raises where it is none at all."""
    errors = answer.data.get("errors", [])
    kinds = {str(one.get("type")) for one in errors}
    if not kinds - _REFUSED:
        return bool(kinds)
    wait = wait_of(answer.headers) if _LIMITED in kinds else 0.0
    raise ForgeUnavailable(f"GitHub could not answer for {repo} ({told(answer.data)}).", wait)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()

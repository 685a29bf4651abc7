"""Repositories as a whole."""

from factory.standin import answers
from factory.standin.call import Answer, Call
from factory.standin.refusals import Forbidden
from factory.standin.routing import Route

_SETTINGS = {
    "allow_rebase_merge": False, "allow_squash_merge": True, "allow_merge_commit": True, "allow_auto_merge": False,
    "delete_branch_on_merge": False, "subscribers_count": 0, "network_count": 0,
}  # fmt: skip


def _role(call: Call) -> str:
    return "write" if call.by.is_app else call.hub.role(call.repository, call.by.login)


def _one(call: Call) -> Answer:
    return Answer(data={**answers.whole_repository(call.hub, call.repo, _role(call)), **_SETTINGS})


def _of_installation(call: Call) -> Answer:
    """Those that the token may see."""
    app = call.by.app
    if app is None:
        raise Forbidden("Resource not accessible by personal access token")
    there = call.hub.repositories(app.account)
    seen = [repo for repo in there if call.by.repositories is None or repo.partition("/")[2] in call.by.repositories]
    around = {"repository_selection": "all" if call.by.repositories is None else "selected"}
    return call.page(
        seen,
        lambda repo: answers.whole_repository(call.hub, repo, "write"),
        lambda total, part: {"total_count": total, **around, "repositories": part},
    )


ROUTES = (
    Route("GET", "/repos/{repo}", "repo", _one),
    Route("GET", "/installation/repositories", "installation repositories", _of_installation, ()),
)

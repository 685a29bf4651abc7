"""Branches and commits, as far as a client may look at them or delete a branch without git."""

from typing import Any

from factory.standin.call import Answer, Call
from factory.standin.pulls import commit
from factory.standin.refusals import Missing, Unprocessable
from factory.standin.routing import Route

_AREA = ("contents",)


def _head(call: Call) -> tuple[str, str]:
    branch = call.place["ref"]
    sha = call.hub.bare(call.repo).heads().get(branch)
    if sha is None:
        raise Missing
    return branch, sha


def _ref(call: Call) -> Answer:
    branch, sha = _head(call)
    url = f"{call.hub.base}/repos/{call.repo}/git"
    target = {"type": "commit", "sha": sha, "url": f"{url}/commits/{sha}"}
    return Answer(data={"ref": f"refs/heads/{branch}", "node_id": f"REF_{sha}", "url": f"{url}/refs/heads/{branch}", "object": target})


def _delete(call: Call) -> Answer:
    branch = call.place["ref"]
    sha = call.hub.bare(call.repo).heads().get(branch)
    if sha is None:
        raise Unprocessable(message="Reference does not exist")
    with call.hub.pushing(call.repo, call.by.login):
        call.hub.bare(call.repo).git("update-ref", "-d", f"refs/heads/{branch}", sha)
    return Answer(204)


def _branch(call: Call) -> Answer:
    branch, sha = _head(call)
    url = f"{call.hub.base}/repos/{call.repo}/branches/{branch}"
    links = {"self": url, "html": f"{call.hub.base}/{call.repo}/tree/{branch}"}
    return Answer(data={"name": branch, "commit": commit(call, sha), "_links": links, "protected": False, "protection": {"enabled": False},
                        "protection_url": f"{url}/protection"})  # fmt: skip


def _branches(call: Call) -> Answer:
    def shown(pair: tuple[str, str]) -> dict[str, Any]:
        url = f"{call.hub.base}/repos/{call.repo}/commits/{pair[1]}"
        return {"name": pair[0], "commit": {"sha": pair[1], "url": url}, "protected": False}

    return call.page(sorted(call.hub.bare(call.repo).heads().items()), shown)


def _commit(call: Call) -> Answer:
    sha = call.hub.bare(call.repo).resolve(call.place["ref"])
    if sha is None:
        raise Unprocessable(message=f"No commit found for SHA: {call.place['ref']}")
    return Answer(data={**commit(call, sha), "stats": {"total": 0, "additions": 0, "deletions": 0}, "files": []})


ROUTES = (
    Route("GET", "/repos/{repo}/git/ref/heads/{ref}", "ref", _ref, _AREA),
    Route("DELETE", "/repos/{repo}/git/refs/heads/{ref}", "ref", _delete, _AREA, "write", "write"),
    Route("GET", "/repos/{repo}/branches/{ref}", "branch", _branch, _AREA),
    Route("GET", "/repos/{repo}/branches", "branches", _branches, _AREA),
    # After what begins with it.
    Route("GET", "/repos/{repo}/commits/{ref}", "commit", _commit, _AREA),
)

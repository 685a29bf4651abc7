"""What the checks of a commit say together."""

from factory.standin.hub import Hub
from factory.standin.model import Check, Status

_GOOD = {"success", "neutral", "skipped"}


def runs(hub: Hub, repo: str, sha: str) -> list[Check]:
    return [one for one in hub.store.all(Check) if (one.repo, one.sha) == (repo, sha)]


def latest_runs(hub: Hub, repo: str, sha: str) -> list[Check]:
    """Of each name the newest."""
    return list({(one.app, one.name): one for one in runs(hub, repo, sha)}.values())


def statuses(hub: Hub, repo: str, sha: str) -> list[Status]:
    """Newest first."""
    return [one for one in reversed(hub.store.all(Status)) if (one.repo, one.sha) == (repo, sha)]


def latest_statuses(hub: Hub, repo: str, sha: str) -> list[Status]:
    """Of each context the newest."""
    return list({one.context: one for one in reversed(statuses(hub, repo, sha))}.values())


def is_green(hub: Hub, repo: str, sha: str) -> bool:
    """Also where there are none."""
    runs_good = all(one.conclusion in _GOOD for one in latest_runs(hub, repo, sha))
    return runs_good and all(one.state == "success" for one in latest_statuses(hub, repo, sha))

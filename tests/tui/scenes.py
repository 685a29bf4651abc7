"""Factories in fixed states, for the pictures of screens: idle, busy, in every trouble at once, and hostile."""

from typing import Any

from factory.domain.delivery import digest
from factory.protocol.commands import Query, Reply
from tests.tui.conftest import FakeFactory

BASE, COMMIT = "b" * 40, "c" * 40
PATCH = """diff --git a/.github/workflows/ci.yml b/.github/workflows/ci.yml
--- a/.github/workflows/ci.yml
+++ b/.github/workflows/ci.yml
@@ -1,3 +1,4 @@
 on: push
-jobs: {}
+jobs:
+\ttest: {runs-on: ubuntu-latest}
"""
LEVELS = {"queue": "core", "journal": "core", "gateway": "core", "delivery": "edge", "learner": "edge", "worker-aaa1-2": "workers"}

HOSTILE = "\x1b]2;owned\x07[red]x[/red] [/path] \x1b[2J\u202egnp.exe\r\n\x9b31mred\x1b]52;c;aGk=\x07 日本語"


def node(name: str, **row: Any) -> dict[str, Any]:
    usual = {
        "id": name, "name": name, "level": LEVELS.get(name, "core"), "pid": 4_000 + len(name), "state": "running", "restarts": 0,
        "uptime": 3_600.0,
        "reason": "", "inbox": 0, "dropped": 0, "stopped_by": "", "rss": 60_000_000, "private": None,
    }  # fmt: skip
    return usual | row


def lock(file: str, worker: str = "aaa1-2", **row: Any) -> dict[str, Any]:
    item, _, epoch = worker.rpartition("-")
    usual = {"repo": "/srv/api.git", "file_path": file, "worker_id": worker, "item": item, "epoch": int(epoch), "age": 240.0}
    return {"id": f"/srv/api.git {file}", **usual, **row}


def idle(factory: FakeFactory) -> None:
    """Nothing to do, nothing wrong."""
    factory.rows["limit"] = {"dispatch": {"open": 4, "reason": "", "active": 0, "max_workers": 4}}
    factory.more = {"nodes": [node(name) for name in list(LEVELS)[:-1]]}


def busy(factory: FakeFactory) -> None:
    """Three at work, some wait, some are over; nothing needs a person."""
    factory.rows["limit"] = {"dispatch": {"open": 0, "reason": "all 3 workers are busy", "active": 3, "max_workers": 3}}
    factory.more = {"nodes": [node(name) for name in LEVELS], "locks": [lock("src/users.py"), lock("src/pages.py", "aaa2-1")]}
    for name, phase in (("aaa1", "running"), ("aaa2", "gates"), ("aaa3", "cloning")):
        factory.item(name, title=f"Work on {name}", holder=f"{name}-2", created_at=100.0, tokens=27_300)
        factory.worker(f"{name}-2", phase=phase)
    factory.item("bbb1", status="queued", created_at=200.0, title="Fix pagination", due_in=-1.0)
    factory.item("bbb2", status="queued", created_at=201.0, priority=0, title="Rotate keys", due_in=-1.0)
    factory.item("bbb3", status="queued", created_at=202.0, due_in=90.0, reason="the gate ruff failed", attempts=1)
    locked = {"condition": "locks:/srv/api.git", "reason": "locked: src/users.py: aaa1-2"}
    factory.item("ccc1", status="parked", created_at=203.0, title="Rename a table", **locked)
    factory.item("ddd1", status="in_review", pr_url="https://example.org/pulls/7", created_at=10.0)
    factory.item("ddd2", status="completed", created_at=11.0, pr_url="https://example.org/pulls/6")
    factory.answers["series"] = Reply("ok", data=SERIES)


def beating(factory: FakeFactory) -> None:
    """The workers' rows say when they were heard, as those of a real factory do: their silence counts."""
    for row in list(factory.rows["worker"].values()):
        factory.put("worker", row["id"], {**row, "beat_at": 1_000.0, "progress_at": 997.0})


SERIES = {
    "window": "1h", "bucket": 60.0, "points": [{"at": float(n), "ended": n % 5} for n in range(12)],
    "totals": {"claims": 17, "published": 14, "failed": 2, "tokens": 1_200_000, "wait_p50": 120.0, "wait_p90": 540.0, "run_p50": 660.0,
               "run_p90": 2_280.0, "gate_rate": 0.93},
}  # fmt: skip


def troubled(factory: FakeFactory) -> None:
    """One of each trouble."""
    busy(factory)
    factory.item(
        "eee1", status="needs_approval", since_age=240.0, reason="A person has to look at it: .github/workflows/ci.yml is guarded."
    )
    factory.item("eee2", status="stuck", since_age=600.0, reason="The spec asks for a table that is not there.")
    factory.item("eee3", status="failed", since_age=60.0, attempts=3, reason="The gate semgrep failed.")
    factory.item("eee4", status="failed", since_age=200_000.0, attempts=3, reason="Long ago.")
    factory.item("eee5", status="publishing", title="Cannot be pushed")
    factory.worker("aaa1-2", progress_age=4_000.0)
    factory.worker("aaa2-2", phase="gates", beat_age=40.0)
    factory.worker("aaa3-2", status="killing", reason="killed by me")
    factory.worker("aaa4-1", status="starting", phase="starting", beat_age=None)
    factory.worker("aaa5-1", phase="waiting", progress_age=1.0)
    factory.rows["limit"] |= {
        "hold:claude": {"kind": "login", "reason": "The key is not accepted.", "until": None},
        "hold:codex": {"kind": "account", "reason": "usage limit", "until": 5e9},
        "pause": {"intake": {"by": "ann", "draining": False}},
        "settings": {"problem": "heartbeat: 0 is too small", "restart": []},
    }
    factory.more = {
        "nodes": [
            node("queue", restarts=2, reason="killed by SIGKILL"),
            node("journal", dropped=3),
            node("gateway", inbox=240),
            node("delivery", state="gave up", pid=None, restarts=4, reason="ImportError: no module named x", inbox=None),
            node("learner", state="stopped by operator", pid=None, stopped_by="ann", inbox=None),
            node("worker-aaa1-2"),
        ],
        "locks": [lock("src/users.py"), lock("src/pages.py", "ccc1-1")],
        "outbox": [{"id": "eee5", "item": "eee5", "epoch": 2, "tries": 7, "last_error": "remote: disk full", "age": 900.0}],
    }
    factory.item("aaa1", status="parked", condition="locks:/srv/api.git", reason="locked: src/pages.py: ccc1-1", title="Work on aaa1")
    approvable(factory)


def approvable(factory: FakeFactory, *, patch: str = PATCH) -> None:
    """A result that can be looked at."""
    factory.answers["item"] = lambda query: Reply("ok", data=_item(query))
    factory.answers["diff"] = lambda query: Reply("ok", data=_diff(query, patch))


def _item(query: Any) -> dict[str, Any]:
    assert isinstance(query, Query)
    failed = {"name": "pytest", "passed": False, "required": False, "seconds": 38.0, "output": "FAILED test_last_page\n"}
    gates = [{"name": "ruff", "passed": True, "required": True, "seconds": 1.2}, failed]
    return {"item": {"id": query.target, "version": 7, "evidence": ".github/workflows/ci.yml is guarded\n"}, "gates": gates}


def _diff(query: Any, patch: str) -> dict[str, Any]:
    assert isinstance(query, Query)
    return {
        "item": query.target, "epoch": query.epoch, "base": BASE, "commit": COMMIT, "digest": digest(BASE, COMMIT), "approvable": True,
        "commits": [{"commit": COMMIT, "subject": "Run the tests"}],
        "files": [{"path": ".github/workflows/ci.yml", "added": 2, "deleted": 1}],
        "file_count": 1, "patch": patch, "size": len(patch), "too_large": "", "offset": 0, "next": len(patch),
    }  # fmt: skip


def hostile(factory: FakeFactory) -> None:
    """Everything that comes from outside steers a terminal, or would be markup."""
    reason, where = HOSTILE, {"repo": f"/srv/{HOSTILE}.git", "title": HOSTILE}
    factory.rows["limit"] = {"dispatch": {"reason": HOSTILE}, "hold:x": {"kind": HOSTILE, "reason": HOSTILE, "until": None}}
    factory.item("aaa1", status="needs_approval", reason=reason, **where)
    factory.item("aaa2", status="queued", due_in=9.0, reason=reason, **where)
    factory.item("aaa3", status="running", holder="aaa3-2", **where)
    factory.worker("aaa3-2", phase=HOSTILE, isolation=HOSTILE, host=HOSTILE)
    factory.more = {
        "nodes": [node("queue", reason=HOSTILE, stopped_by=HOSTILE, state=HOSTILE)],
        "locks": [lock(HOSTILE, "aaa3-2")],
        "outbox": [{"id": "aaa3", "item": "aaa3", "epoch": 2, "tries": 7, "last_error": HOSTILE, "age": 900.0}],
    }
    factory.event(stream="item:aaa3", seq=4, at=0.0, type=f"WORK_ITEM.{HOSTILE}.FAILED", epoch=1, data={"reason": HOSTILE})
    approvable(factory, patch=f"diff --git a/x b/x\n+{HOSTILE}\n")

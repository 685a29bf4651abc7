"""Specs in a real factory: a file in the inbox becomes a spec by a model behind the real SDK, and the agent works on it."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.model_api import ModelApi, Reply, message, model_api
from tests.real_factory import RealFactory, real_factory
from tests.waiting import eventually

_KEY = "sk-ant-canary-0123456789"
_SECONDS = 60
_ANSWER = {"goal": "Hello is said.", "tasks": ["Say hello", "Say it again"], "checks": ["out.txt"], "files": ["out.txt"], "questions": []}


@pytest.fixture
def api() -> Iterator[ModelApi]:
    with model_api() as api:
        yield api


@pytest.fixture
def factory(api: ModelApi) -> Iterator[RealFactory]:
    with real_factory() as factory:
        factory.environment |= {
            "FACTORY_INBOX": str(factory.folder / "inbox"), "FACTORY_INTAKE_ENGINE": f"command:{factory.agent}",
            "ANTHROPIC_API_KEY": _KEY, "ANTHROPIC_BASE_URL": api.url,
        }  # fmt: skip
        yield factory


def drop(factory: RealFactory, remote: Path, text: str) -> None:
    (factory.folder / "inbox").mkdir(mode=0o700)
    target = factory.folder / "inbox" / "say-hello.md"
    target.write_text(f"---\nrepo: {remote}\n---\n# Say hello\n\n{text}\n", "utf-8")


def the_item(factory: RealFactory) -> str:
    rows = eventually(lambda: factory.rows("SELECT id FROM work_items"), _SECONDS, lambda: f"the file is taken up: {factory.log()}")
    return str(rows[0]["id"])


def holders(factory: RealFactory) -> set[str]:
    """Processes of the tree that have the key in their environment, beside the root that was started with it."""
    root = factory.pids()["root"]
    named = {pid: name for name, pid in factory.pids().items()}
    return {named[each.pid] for each in factory.processes() if each.pid in named and each.pid != root and _has_key(each)}


def _has_key(process: psutil.Process) -> bool:
    return _KEY in " ".join(process.environ().values()) + " ".join(process.cmdline())


def test_a_model_writes_the_spec_although_the_process_that_asked_it_is_killed(factory: RealFactory, api: ModelApi) -> None:
    remote = factory.remote("a", {"AGENTS.md": "Be kind\n"})
    held = threading.Event()
    api.replies += [Reply(held=held), message(json.dumps(_ANSWER))]
    drop(factory, remote, "Please say hello.")
    factory.up()
    item = the_item(factory)
    eventually(lambda: api.requests, _SECONDS, lambda: f"the model is asked: {factory.log()}")
    assert holders(factory) == set()

    psutil.Process(factory.pids()["spec_writer"]).kill()
    row = factory.settled(item)
    held.set()

    assert len(api.requests) == 2
    question = api.requests[1][2]["messages"][0]["content"]
    assert "Please say hello." in question
    assert "AGENTS.md\n\nBe kind" in question
    assert "- [ ] Say hello\n- [ ] Say it again\n" in row["spec"]
    rows = factory.rows("SELECT type FROM events WHERE stream = %s AND type LIKE 'SPEC%%' ORDER BY seq", f"item:{item}")
    assert [each["type"] for each in rows] == ["SPEC.DRAFTED.SUCCESS", "SPEC.WRITTEN.SUCCESS"]
    assert _KEY not in factory.log()

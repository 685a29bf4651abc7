"""The lock hook under the real Claude Code, with a scripted model that wants to edit what it may not."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from factory.demo.model_server import Asked, Say, Use, serving
from tests.integration.worker_agent.test_lock_hook import Site
from tests.integration.worker_agent.test_lock_hook import serving as serving_locks
from worker_agent.engines.claude_hook import hook_settings, proof_of_hooks
from worker_agent.lock_server import HOOK

SECONDS = 90


def _binary() -> str:
    found = importlib.util.find_spec("claude_agent_sdk")
    bundled = Path(found.origin or "").parent / "_bundled" / "claude" if found else None
    return os.environ.get("CLAUDE_BIN") or (str(bundled) if bundled and bundled.is_file() else "")


pytestmark = pytest.mark.skipif(not _binary(), reason="there is no Claude Code: set CLAUDE_BIN or install claude-agent-sdk")


def edits(repo: Path) -> list[Say]:
    """Free file, locked file in both ways, and again through a link."""
    locked, link = str(repo / "locked.py"), str(repo / "link.py")
    return [
        Say(uses=(Use("Write", {"file_path": str(repo / "free.py"), "content": "written\n"}),)),
        Say(uses=(Use("Read", {"file_path": locked}), Use("Read", {"file_path": link}))),
        Say(uses=(Use("Edit", {"file_path": locked, "old_string": "mine", "new_string": "taken"}),)),
        Say(uses=(Use("Write", {"file_path": locked, "content": "taken\n"}),)),
        Say(uses=(Use("Edit", {"file_path": link, "old_string": "mine", "new_string": "taken"}),)),
        Say("done"),
    ]


class Turn:
    """One run of the program, and what its stream said."""

    def __init__(self, site: Site, *, with_settings: bool = True) -> None:
        (site.repo / "locked.py").write_text("mine\n")
        (site.repo / "link.py").symlink_to("locked.py")
        says = edits(site.repo)
        with serving(lambda asked: Say("title") if asked.is_aside else self._next(asked, says)) as model:
            self.events = _run(site, model.url, with_settings=with_settings)
        self.locked = (site.repo / "locked.py").read_text()
        self.free = (site.repo / "free.py").exists()

    def refusals(self) -> list[str]:
        return [str(event["tool_use_result"]) for event in self.events if "hook error" in str(event.get("tool_use_result"))]

    @staticmethod
    def _next(asked: Asked, says: list[Say]) -> Say:
        return says[min(asked.turns, len(says) - 1)]


def _run(site: Site, url: str, *, with_settings: bool) -> list[dict[str, Any]]:
    settings = site.folders.home / "settings.json"
    settings.write_text(json.dumps(hook_settings(sys.executable, HOOK, site.socket)))
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(site.folders.home), "TMPDIR": str(site.folders.tmp), "IS_SANDBOX": "1",
        "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "sk-ant-none", "CLAUDE_CONFIG_DIR": str(site.folders.home / "config"),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_MAX_RETRIES": "1",
    }  # fmt: skip
    command = [_binary(), "-p", "go", "--output-format", "stream-json", "--verbose", "--dangerously-skip-permissions"]
    command += ["--settings", str(settings)] if with_settings else []
    done = subprocess.run(
        command, cwd=site.repo, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert any(event["type"] == "result" for event in events), done.stderr
    return events


def test_a_locked_file_stays_as_it_is_and_the_model_learns_who_holds_it(tmp_path: Path) -> None:
    with serving_locks(tmp_path, {"locked.py": "wi-other-3"}) as site:
        turn = Turn(site)

    assert (turn.locked, turn.free) == ("mine\n", True)
    assert len(turn.refusals()) == 3
    assert all("locked.py: wi-other-3" in refusal for refusal in turn.refusals())
    assert proof_of_hooks(turn.events)


def test_a_repository_that_switches_hooks_off_switches_nothing_off(tmp_path: Path) -> None:
    with serving_locks(tmp_path, {"locked.py": "wi-other-3"}) as site:
        (site.repo / ".claude").mkdir()
        (site.repo / ".claude" / "settings.json").write_text(json.dumps({"disableAllHooks": True}))
        turn = Turn(site)

    assert turn.locked == "mine\n"
    assert proof_of_hooks(turn.events)


def test_without_anybody_to_ask_nothing_is_edited(tmp_path: Path) -> None:
    with serving_locks(tmp_path) as site:
        site.server.close()
        turn = Turn(site)

    assert (turn.locked, turn.free) == ("mine\n", False)
    assert len(turn.refusals()) == 4


def test_without_our_settings_the_proof_is_missing(tmp_path: Path) -> None:
    with serving_locks(tmp_path, {"locked.py": "wi-other-3"}) as site:
        turn = Turn(site, with_settings=False)

    assert turn.locked == "taken\n", "this is why the proof is asked for"
    assert not proof_of_hooks(turn.events)

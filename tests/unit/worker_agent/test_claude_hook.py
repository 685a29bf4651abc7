from pathlib import Path
from typing import Any

import pytest

from worker_agent.engines.claude_hook import HOOK_TIMEOUT_SECONDS, PROOF, hook_settings, proof_of_hooks
from worker_agent.lock_hook import SECONDS
from worker_agent.lock_server import ANSWER_SECONDS

LOADED: dict[str, Any] = {
    "type": "system", "subtype": "hook_response", "hook_name": "SessionStart:startup", "hook_event": "SessionStart",
    "stdout": "", "stderr": f"{PROOF}\n", "exit_code": 0,
}  # fmt: skip


def command(event: str) -> dict[str, Any]:
    settings = hook_settings("/opt/py thon", Path("/x/lock_hook.py"), Path("/w/home/locks.sock"))
    (entry,) = settings["hooks"][event]
    (hook,) = entry["hooks"]
    found: dict[str, Any] = hook
    return found


def test_whatever_happens_to_the_hook_its_shell_ends_with_2() -> None:
    assert command("PreToolUse")["command"] == "'/opt/py thon' -I -S /x/lock_hook.py /w/home/locks.sock 12 || exit 2"


def test_each_bound_is_inside_the_next() -> None:
    assert ANSWER_SECONDS < SECONDS < command("PreToolUse")["timeout"] == HOOK_TIMEOUT_SECONDS


def test_hooks_are_switched_on_against_a_repository_that_switches_them_off() -> None:
    assert hook_settings("p", Path("h"), Path("s"))["disableAllHooks"] is False


def test_the_event_of_our_own_hook_is_the_proof() -> None:
    assert proof_of_hooks([{"type": "system", "subtype": "init"}, LOADED])


@pytest.mark.parametrize(
    "changed",
    [
        {"stderr": ""},
        {"stderr": "a hook of the repository"},
        {"exit_code": 1},
        {"exit_code": None},
        {"hook_event": "PreToolUse"},
        {"subtype": "hook_started"},
        {"type": "user"},
    ],
)
def test_anything_less_is_no_proof(changed: dict[str, Any]) -> None:
    assert not proof_of_hooks([LOADED | changed])


def test_a_stream_without_events_proves_nothing() -> None:
    assert not proof_of_hooks([])

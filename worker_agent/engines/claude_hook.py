"""What Claude Code is told about the lock hook, and how its stream proves that it listened.

It goes on without hooks where it cannot read its settings, where a repository's own settings switch hooks off, and where a
hook cannot be started or takes too long. None of these says anything: hence the wrapping, the order of the bounds, and
the proof.
"""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from worker_agent.lock_hook import SECONDS
from worker_agent.lock_paths import FILE_TOOLS

PROOF = "factory-locks-are-loaded"
"""What the hook of the session's start says; a repository's own hook has no reason to. On stderr: stdout goes to the model."""

HOOK_TIMEOUT_SECONDS = 30
"""Claude Code's own bound, after which it lets the edit pass: well beyond the hook's, also on a machine that swaps."""

_PROOF_TIMEOUT_SECONDS = 10


def hook_settings(python: str, hook_path: Path, socket_path: Path) -> dict[str, Any]:
    """The part of `--settings` that puts the lock hook before each edit.

    Args:
        python: an interpreter; the standard library alone is used.
        hook_path: of `lock_hook.py`.
        socket_path: where the worker agent's `LockServer` listens.
    """
    asks = shlex.join([python, "-I", "-S", str(hook_path), str(socket_path), f"{SECONDS:g}"])
    # Only 2 stops an edit. A shell says 127 for an interpreter that is gone, and 137 for one that was killed.
    before_edits = {"type": "command", "command": f"{asks} || exit 2", "timeout": HOOK_TIMEOUT_SECONDS}
    at_start = {"type": "command", "command": f"echo {PROOF} >&2", "timeout": _PROOF_TIMEOUT_SECONDS}
    return {
        # The repository's own settings may say true, also in the middle of a run; these win.
        "disableAllHooks": False,
        "hooks": {
            "PreToolUse": [{"matcher": "|".join(FILE_TOOLS), "hooks": [before_edits]}],
            "SessionStart": [{"hooks": [at_start]}],
        },
    }


def proof_of_hooks(events: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the stream shows that the settings with the lock hook were loaded. Without it an iteration is worth nothing.

    It comes before `system/init`, and with each session's start. The words count and not only the event: a repository may
    have a hook of its own there.
    """
    return any(map(is_proof, events))


def is_proof(event: Mapping[str, Any]) -> bool:
    """The one event of the stream that proves it."""
    kind = (event.get("type"), event.get("subtype"), event.get("hook_event"))
    if kind != ("system", "hook_response", "SessionStart") or event.get("exit_code") != 0:
        return False
    return str(event.get("stderr", "")).strip() == PROOF

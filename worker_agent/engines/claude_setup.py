"""How Claude Code is called: arguments, environment, and the files it is given from outside the clone."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from factory.domain.engine_keys import secrets_of
from factory.protocol.worker import EngineOptions
from worker_agent.engines.base import EngineProblem, Order
from worker_agent.engines.login import read_credential

# The scheduler waits for a shut limit and not the slot, so the program itself tries again only twice; nothing but the model is called.
_SWITCHES = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "CLAUDE_CODE_MAX_RETRIES": "2",
}

_PROMPT = """Do the next open task of the spec {spec}, and only that one, as your instructions say.

The folder for notes is {notes}."""


@dataclass(frozen=True, slots=True)
class Setup:
    """One iteration's call. `secrets` are values that no log may hold."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    secrets: tuple[str, ...]


def set_up(binary: str, options: EngineOptions, order: Order, hooks: Mapping[str, Any]) -> Setup:
    """Writes the files and puts the call together. Raises `EngineProblem`, `OSError`."""
    folder = _fresh_folder(order.folders.home / "claude")
    credential = read_credential(order.folders)
    environment = {**credential, **order.environment, **_SWITCHES, "CLAUDE_CONFIG_DIR": str(folder / "config")}
    if os.geteuid() == 0:
        # It refuses to skip permissions as root unless somebody vouches for the sandbox; the worker's isolation is one.
        environment["IS_SANDBOX"] = "1"
    argv = (_program(binary, order), "-p", _PROMPT.format(spec=order.spec, notes=order.notes), *_arguments(folder, options, hooks))
    return Setup(argv, environment, secrets_of(credential))


def _arguments(folder: Path, options: EngineOptions, hooks: Mapping[str, Any]) -> tuple[str, ...]:
    instructions = files("worker_agent.engines").joinpath("claude_instructions.md").read_text("utf-8")
    mcp = ("--mcp-config", _write(folder / "mcp.json", json.dumps({"mcpServers": options.mcp}))) if options.mcp else ()
    return (
        "--output-format", "stream-json",
        "--verbose",
        # Else a long answer of the model looks like a hang: its message is one event, at its end.
        "--include-partial-messages",
        "--dangerously-skip-permissions",
        # Servers that the repository names would be started with the agent's rights and without anybody's word.
        "--strict-mcp-config", *mcp,
        "--settings", _write(folder / "settings.json", json.dumps(settings(hooks))),
        "--append-system-prompt-file", _write(folder / "instructions.md", instructions),
        *(("--model", options.model) if options.model else ()),
        *(("--effort", options.effort) if options.effort else ()),
        *options.arguments,
    )  # fmt: skip


def settings(hooks: Mapping[str, Any]) -> dict[str, Any]:
    """The settings file: commits without a co-author line, and hooks that the repository's own settings cannot switch off."""
    return {"attribution": {"commit": "", "pr": ""}, "disableAllHooks": False, **hooks}


def _fresh_folder(folder: Path) -> Path:
    """Nothing that an iteration before has left may be taken for settings, memory or a session."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _write(path: Path, text: str) -> str:
    # Servers' settings may hold keys of their own.
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")
    return str(path)


def _program(binary: str, order: Order) -> str:
    # What the worker's own host says: a factory on another machine cannot know where it is here.
    named = binary or os.environ.get("CLAUDE_BIN") or "claude"
    found = shutil.which(named, path=order.environment.get("PATH"))
    if found is None:
        raise EngineProblem(f"Claude Code is not there: {named!r} cannot be found or run in the worker. Install it, or set claude_bin.")
    return found

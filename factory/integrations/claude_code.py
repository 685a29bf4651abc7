"""Claude Code on this machine: where its program is, and what to do where it is missing, or what it logs in with.

A look at the environment and at files, nothing more: what runs the program is the worker agent's engine `claude`.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from factory.domain import engine_keys

TOKEN, KEY, ADDRESS = "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"

_SDK = "claude_agent_sdk"
"""The Python package that carries the program; it is found, never imported."""
_MAX_VERSION_BYTES = 100


@dataclass(frozen=True, slots=True)
class Found:
    """The program, links resolved where workers must be able to read it. `version` where a file beside it says so."""

    binary: Path
    version: str | None = None


def find(environ: Mapping[str, str]) -> Found | None:
    """CLAUDE_BIN, else `claude` on PATH, else the one that a Python package brought into this interpreter's environment."""
    named = environ.get("CLAUDE_BIN")
    if named:
        # What was named and is not there must not be replaced by another version without a word.
        found = shutil.which(Path(named).expanduser(), path=environ.get("PATH"))
        return Found(Path(found).absolute()) if found else None
    found = shutil.which("claude", path=environ.get("PATH", os.defpath))
    return Found(Path(found).absolute()) if found else _bundled()


def missing(environ: Mapping[str, str]) -> str | None:
    """What keeps the engine from working here, as one sentence with the command that mends it; None where nothing does."""
    return missing_program(environ) or engine_keys.missing("claude", environ) or None


def missing_program(environ: Mapping[str, str]) -> str | None:
    if find(environ) is not None:
        return None
    named = environ.get("CLAUDE_BIN")
    where = f"CLAUDE_BIN names {named}, which cannot be run" if named else "there is no `claude` on this PATH"
    mending = "install it from https://claude.com/claude-code, or set CLAUDE_BIN (claude_bin in factory.toml)"
    return f"The engine claude needs Claude Code, and {where}: {mending}."


def _bundled() -> Found | None:
    spec = find_spec(_SDK)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "_bundled"
    binary = folder / "claude"
    if not os.access(binary, os.X_OK):
        return None
    return Found(binary, _version(folder / "claude.version"))


def _version(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            return opened.read(_MAX_VERSION_BYTES).decode(errors="replace").strip() or None
    except OSError:
        return None

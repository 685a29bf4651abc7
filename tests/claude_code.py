"""The real Claude Code for tests: found where the factory would find it, or the test is skipped and says why."""

import os
from pathlib import Path

import pytest

from factory.integrations import claude_code


def claude_binary() -> Path:
    """The program; skips the test where there is none."""
    found = claude_code.find(os.environ)
    if found is None:
        pytest.skip("there is no Claude Code here: neither CLAUDE_BIN, nor `claude` on PATH, nor the package claude-agent-sdk")
    return found.binary

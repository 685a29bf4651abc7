from pathlib import Path

import pytest

from factory.integrations import claude_code
from factory.integrations.claude_code import find, missing


def program(folder: Path, name: str = "claude") -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_program_that_was_named_wins_over_the_one_on_the_path(tmp_path: Path) -> None:
    named = program(tmp_path, "mine")
    program(tmp_path)

    found = find({"CLAUDE_BIN": str(named), "PATH": str(tmp_path)})

    assert found is not None
    assert found.binary == named


def test_a_named_program_that_is_not_there_is_not_replaced(tmp_path: Path) -> None:
    program(tmp_path)

    environ = {"CLAUDE_BIN": "/no/such/claude", "PATH": str(tmp_path)}

    assert find(environ) is None
    assert "CLAUDE_BIN names /no/such/claude" in str(missing(environ))


def test_without_a_program_the_sentence_names_the_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claude_code, "_SDK", "no_such_package")

    assert find({"PATH": str(tmp_path)}) is None
    assert "install it" in str(missing({"PATH": str(tmp_path)}))


def test_without_a_credential_the_sentence_names_the_command(tmp_path: Path) -> None:
    environ = {"CLAUDE_BIN": str(program(tmp_path))}

    assert "`claude setup-token`" in str(missing(environ))
    assert missing({**environ, "ANTHROPIC_API_KEY": "key"}) is None
    assert missing({**environ, "CLAUDE_CODE_OAUTH_TOKEN": "token"}) is None

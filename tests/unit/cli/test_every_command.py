"""What holds for each command, whichever comes next: help, examples, JSON on whatever reads, no colour where none is wanted."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from factory.cli.app import app
from factory.cli.groups import SECTIONS

_SECONDS = 60
CHANGES = {
    "up", "down", "kill", "retry", "cancel", "approve", "reject", "priority", "pause", "resume", "drain", "init", "demo", "completion",
    "actor", "reload", "note", "unlock", "emergency-stop", "operator", "worker", "dev", "image", "service",
}  # fmt: skip
"""These change something, or print what only another program reads; all others read, and have to tell programs too."""


def commands(group: Any = None, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its words, also those in groups."""
    top: Any = typer.main.get_command(app)
    for name, command in (group or top).commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*before, name))
        else:
            yield (*before, name), command


EVERY = dict(commands())


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_its_help_begins_with_a_sentence_and_ends_with_examples_that_name_it(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*words, "--help"])

    assert done.exit_code == 0
    assert f"factory {' '.join(words)}" in done.output.partition("Example")[2]
    assert (EVERY[words].help or "").strip().split("\n")[0].endswith((".", ":"))


@pytest.mark.parametrize("words", [words for words in EVERY if words[0] not in CHANGES], ids=" ".join)
def test_what_reads_also_tells_programs(words: tuple[str, ...]) -> None:
    options = {name for option in EVERY[words].params for name in getattr(option, "opts", ())}

    assert "--json" in options


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_every_option_and_argument_of_it_is_explained(words: tuple[str, ...]) -> None:
    unexplained = [option.name for option in EVERY[words].params if not option.hidden and not option.help]

    assert [name for name in unexplained if name not in {"priority", "level"}] == []


@pytest.mark.parametrize("words", [["version"], ["info"], ["config", "show"], ["doctor"]], ids=" ".join)
def test_what_needs_no_factory_keeps_json_on_stdout_with_a_schema_and_without_colour(words: list[str], tmp_path: Path) -> None:
    environ = {**os.environ, "FACTORY_DATA": str(tmp_path / "data"), "FORCE_COLOR": "1", "NO_COLOR": "1"}

    done = subprocess.run(
        [sys.executable, "-P", "-m", "factory.cli", *words, "--json"],
        env=environ, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=_SECONDS,
    )  # fmt: skip

    assert json.loads(done.stdout)["schema"].startswith("factory.")
    assert "\x1b" not in done.stdout + done.stderr


def test_every_command_stands_under_a_heading() -> None:
    top: Any = typer.main.get_command(app)

    assert set(top.commands) - {name for _, names in SECTIONS for name in names} == set()
    assert "\nMore:" not in CliRunner().invoke(app, ["--help"]).output

"""The whole way with everything real but the people and the model: label, spec, pull request, failed check, rework, merge.

The repository is private; GitHub is the stand-in, which is asked by PyGithub and by git over HTTP, with tokens. The agent is Claude Code.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from factory.demo.model_server import Asked, Say, serving
from tests import scripted_model as model
from tests.claude_code import claude_binary
from tests.issue_way import LABEL, REPO, Scene, scene
from tests.real_factory import left_over
from tests.scripted_model import Script
from tests.waiting import eventually

KEY = "sk-ant-api03-pretended-key-of-a-test"
_GATES = '[[gates]]\nname = "test"\ncommand = "test -f task-2.txt"\n'
_DRAFT = {"goal": "Two files are there.", "tasks": ["task 1", "task 2"], "checks": ["test -f task-2.txt"], "files": ["task-1.txt"], "questions": []}
_WRITER = "a-model-for-specs"


@dataclass
class Provider(Script):
    """Writes the spec, and is the agent's model."""

    def __call__(self, asked: Asked) -> model.Step:
        return Say(json.dumps(_DRAFT)) if asked.body["model"] == _WRITER else super().__call__(asked)


def learns(text: str) -> Say:
    return model.bash(f'echo "{text}" >> "$FACTORY_NOTES/new-learnings.md"')


_REWORK = (
    model.write("README.md", "Two files\n"),
    model.commit("Say it in the README"),
    model.bash("sed -i 's/- \\[ \\] Rework/- [x] Rework/' SPEC.md"),
    learns("The README names each file."),
    model.DONE,
)


@pytest.fixture(scope="module")
def script() -> Iterator[Script]:
    script = Provider((model.one_task(1), (learns("Tasks are files."), *model.one_task(2)), _REWORK))
    with serving(script) as server:
        script.url = server.url
        yield script


@pytest.fixture(scope="module")
def way(script: Script, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    claude = {"CLAUDE_BIN": str(claude_binary()), "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": script.url}
    settings = {**claude, "FACTORY_INTAKE_ENGINE": "claude", "FACTORY_SPEC_MODEL": _WRITER}
    with scene(tmp_path_factory.mktemp("github"), settings, {"README.md": "hello\n", ".factory.toml": _GATES}) as way:
        way.factory.up()
        yield way


def test_a_label_becomes_a_merged_pull_request_through_a_spec_a_failed_check_and_a_rework(way: Scene, script: Script) -> None:
    issue = way.open_issue("Two files", "We need two files.")
    item = way.item(issue)
    first = way.in_review(item, 1)
    way.checks.check_run(first, "failure", "docs", "README.md does not name the files")
    second = way.in_review(item, 2)
    way.merge(item)
    way.factory.settled(item)
    way.done(issue)

    way.check(issue, item, attempts=2)
    way.check_refs(item)

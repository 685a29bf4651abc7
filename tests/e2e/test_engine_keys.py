"""What engines log in with: it reaches the workers that need it, is told by nothing, and where it lacks a person hears it first."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from factory.paths import running_root
from tests.e2e.command_line import AGENT, Person, person
from tests.living_folder import holders_below
from tests.waiting import eventually

GEMINI_KEY, OWN_KEY, CLAUDE_KEY = "gemini-key-of-a-test", "own-key-of-a-test", "sk-ant-api03-key-of-a-test"
NAMES = "ANTHROPIC_API_KEY|GEMINI_API_KEY|MY_AGENT_KEY|OPENAI_API_KEY"
AGENT_THAT_TELLS = f"""{AGENT}
env | grep -E '^({NAMES})=' | sed 's/^/has /'
"""
# What gemini prints at the end of a turn.
GEMINI_THAT_TELLS = f"""{AGENT_THAT_TELLS}
echo '{{"type":"result","status":"success","stats":{{"total_tokens":150}}}}'
"""
KEYS = {
    "GEMINI_API_KEY": GEMINI_KEY, "MY_AGENT_KEY": OWN_KEY, "ANTHROPIC_API_KEY": CLAUDE_KEY,
    "CLAUDE_CODE_OAUTH_TOKEN": "", "OPENAI_API_KEY": "", "CODEX_API_KEY": "", "CLAUDE_BIN": "/bin/true",
}  # fmt: skip


@pytest.fixture(scope="module")
def someone() -> Iterator[Person]:
    """With a factory that has keys for gemini, Claude Code and an agent of their own, and none for codex."""
    with person(new=False) as one:
        one._program("gemini", GEMINI_THAT_TELLS)
        one.use_agent(AGENT_THAT_TELLS)
        (one.folder / "factory.toml").write_text('[engine_keys]\ncommand = ["MY_AGENT_KEY"]\n')
        one.environment |= {"PATH": f"{one.folder}:{os.environ['PATH']}"}
        done = one.says("up", "--detach", **KEYS)
        assert done.returncode == 0, done.stderr
        yield one


def items(someone: Person) -> list[str]:
    return [row["id"] for row in someone.reads("queue", "--all")["items"]]


def keys_of(someone: Person, engine: str) -> set[str]:
    """Names of the keys that a worker of this engine has, by its own word; their values are in no log."""
    done = someone.says("submit", "--repo", "repo", "--spec", "SPEC.md", "--engine", engine, "--wait")
    assert done.returncode == 0, done.stderr
    log = someone.says("logs", done.stdout.split("\n")[0]).stdout
    told = {line.removeprefix("has ") for line in log.splitlines() if line.startswith("has ")}
    assert all(line.endswith("=[hidden]") for line in told), told
    return {line.partition("=")[0] for line in told}


def test_a_worker_has_the_keys_of_its_own_engine_and_of_no_other(someone: Person) -> None:
    assert keys_of(someone, "gemini") == {"GEMINI_API_KEY"}
    assert keys_of(someone, "command:./agent.sh") == {"MY_AGENT_KEY"}


def test_no_file_of_the_factory_and_no_process_of_it_keeps_a_key(someone: Person) -> None:
    root = running_root(someone.paths)
    secrets = [key.encode() for key in (GEMINI_KEY, OWN_KEY, CLAUDE_KEY)]

    def holding() -> list[Path]:
        return list(holders_below(someone.paths.data, *secrets))

    # The database's own files too: a key in an event would stay for years. A worker's own copy goes with the worker.
    eventually(lambda: not holding(), 60, lambda: f"{holding()} hold a key")
    # The root's own environment is what the kernel has kept from its start.
    family = psutil.Process(root).children(recursive=True)
    assert len(family) > 5
    assert [process.pid for process in family if any(secret in _environment(process) for secret in secrets)] == []


@pytest.mark.parametrize("command", ["submit", "run"])
def test_what_a_running_factory_lacks_is_said_before_anything_is_queued(someone: Person, command: str) -> None:
    before = items(someone)

    # What this shell has is nothing to the factory that runs.
    done = someone.says(command, "--repo", "repo", "--spec", "SPEC.md", "--engine", "codex", OPENAI_API_KEY="here-is-one")

    assert (done.returncode, done.stdout) == (2, "")
    sentence = done.stderr.splitlines()[-1]
    assert sentence.startswith("factory: The factory that runs cannot use it. The engine codex has no credential: `export OPENAI_API_KEY=")
    assert sentence.endswith("Then start the factory again: factory down && factory up --detach")
    assert items(someone) == before


def test_words_that_may_choose_a_provider_without_a_key_are_not_refused(someone: Person) -> None:
    done = someone.says("submit", "--repo", "repo", "--spec", "SPEC.md", "--engine", "codex:--oss", "--delay", "1h")

    assert done.returncode == 0, done.stderr
    someone.says("cancel", done.stdout.strip())


@pytest.mark.parametrize("command", ["submit", "run"])
def test_where_no_factory_runs_this_shell_knows_what_one_would_lack(command: str) -> None:
    with person() as one:
        nothing = {"CLAUDE_BIN": "/bin/true", "ANTHROPIC_API_KEY": "", "CLAUDE_CODE_OAUTH_TOKEN": ""}

        done = one.says(command, "--repo", "repo", "--spec", "SPEC.md", "--engine", "claude", **nothing)

        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert done.stderr.startswith("factory: The engine claude has no credential: run `claude setup-token`")
        assert not one.paths.data.exists()


def test_a_factory_says_at_its_start_what_claude_code_lacks(someone: Person) -> None:
    lacking = someone.reads("status")["lacking"]
    assert lacking.keys() == {"codex"}
    with person(new=False) as one:
        nothing = {"CLAUDE_BIN": "/bin/true", "ANTHROPIC_API_KEY": "", "CLAUDE_CODE_OAUTH_TOKEN": ""}

        assert one.says("up", "--detach", **nothing).returncode == 0

        log = (one.paths.logs / "up.log").read_text()
        assert "claude setup-token" in log, log
        eventually(lambda: {"claude", "claude:PROGRAM"} <= one.told("status")["lacking"].keys())


def _environment(process: psutil.Process) -> bytes:
    with suppress(psutil.Error):
        return json.dumps(process.environ()).encode()
    return b""

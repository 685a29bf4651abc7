"""The engine without a process: what it writes for one, and what it makes of its output."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from factory.protocol.worker import EngineOptions
from tests.integration.worker_agent.workshop import Workshop
from worker_agent.engines import EngineProblem, make_engine
from worker_agent.engines.base import Order, Run
from worker_agent.engines.transcript import MAX_BYTES, MAX_KEPT, Transcript
from worker_agent.processes import Finished

SECRET = "sk-ant-api03-pretended"
PROVEN = b'{"type":"system","subtype":"hook_response","hook_event":"SessionStart","exit_code":0,"stderr":"factory-locks-are-loaded\\n"}\n'


def begun(workshop: Workshop, options: EngineOptions | None = None, iteration: int = 1) -> Run:
    site = workshop.site
    environment = site.environment
    order = Order(workshop.repo, environment, workshop.repo / "SPEC.md", workshop.repo / ".ai", site.folders, iteration, site.clock)
    return make_engine("claude:/bin/sh", options).begin(order)


def log_in(workshop: Workshop, **credential: str) -> None:
    (workshop.site.folders.inbox / "credential.json").write_text(json.dumps(credential))


def argument(run: Run, name: str) -> str:
    return run.argv[run.argv.index(name) + 1]


def settings(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(argument(run, "--settings")).read_text())
    return found


def test_the_call_has_all_that_the_stream_and_the_locks_need(workshop: Workshop) -> None:
    run = begun(workshop)

    assert run.argv[:2] == ("/bin/sh", "-p")
    assert str(workshop.repo / "SPEC.md") in run.argv[2]
    assert {"--verbose", "--strict-mcp-config", "--dangerously-skip-permissions"} <= set(run.argv)
    assert argument(run, "--output-format") == "stream-json"
    assert not {"--model", "--effort", "--mcp-config", "--resume", "--continue"} & set(run.argv)
    assert settings(run)["attribution"] == {"commit": "", "pr": ""}
    assert settings(run)["disableAllHooks"] is False
    assert "PreToolUse" in settings(run)["hooks"]
    assert "stuck.md" in Path(argument(run, "--append-system-prompt-file")).read_text()


def test_every_file_is_outside_the_clone_and_for_the_worker_alone(workshop: Workshop) -> None:
    run = begun(workshop, EngineOptions(mcp={"docs": {"command": "x", "env": {"KEY": "secret"}}}))

    for name in ("--settings", "--append-system-prompt-file", "--mcp-config"):
        path = Path(argument(run, name))
        assert path.is_relative_to(workshop.site.folders.home)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(Path(argument(run, "--mcp-config")).read_text())["mcpServers"]["docs"]["command"] == "x"


def test_options_come_last_as_they_are(workshop: Workshop) -> None:
    run = begun(workshop, EngineOptions(model="opus", effort="high", arguments=("--max-turns", "9")))

    assert (argument(run, "--model"), argument(run, "--effort")) == ("opus", "high")
    assert run.argv[-2:] == ("--max-turns", "9")


def test_the_environment_is_the_workers_own_and_the_credential(workshop: Workshop) -> None:
    log_in(workshop, CLAUDE_CODE_OAUTH_TOKEN="token", ANTHROPIC_BASE_URL="http://x", PATH="/evil")

    environment = begun(workshop).environment

    assert environment["CLAUDE_CODE_OAUTH_TOKEN"] == "token"
    assert environment["ANTHROPIC_BASE_URL"] == "http://x"
    assert environment["PATH"] == workshop.site.environment["PATH"]
    assert environment["CLAUDE_CODE_MAX_RETRIES"] == "2"
    assert "ANTHROPIC_API_KEY" not in environment


def test_an_iteration_finds_nothing_of_the_one_before(workshop: Workshop) -> None:
    memory = Path(begun(workshop).environment["CLAUDE_CONFIG_DIR"]) / "memory"
    memory.mkdir(parents=True)

    begun(workshop, iteration=2)

    assert not memory.exists()


def test_a_credential_that_cannot_be_read_is_not_quoted(workshop: Workshop) -> None:
    (workshop.site.folders.inbox / "credential.json").write_text(f"{{{SECRET}")

    with pytest.raises(EngineProblem) as caught:
        begun(workshop)

    assert SECRET not in str(caught.value)


def test_a_program_that_is_not_there_is_a_persons_problem(workshop: Workshop) -> None:
    with pytest.raises(EngineProblem, match="claude_bin"):
        make_engine("claude:/no/such").begin(
            Order(workshop.repo, workshop.site.environment, workshop.repo, workshop.repo, workshop.site.folders, 1, workshop.site.clock)
        )


def test_its_key_is_told_as_a_secret_and_its_address_is_not(workshop: Workshop) -> None:
    log_in(workshop, ANTHROPIC_API_KEY=SECRET, ANTHROPIC_BASE_URL="http://example.org")

    assert begun(workshop).secrets == (SECRET,)


def test_a_retry_is_told_with_what_follows_and_moves_nothing_by_itself(workshop: Workshop) -> None:
    run = begun(workshop)

    alone = run.hear(b'{"type":"system","subtype":"api_retry","attempt":1,"max_retries":2,"error":"overloaded","error_status":529}\n')
    after = run.hear(b'{"type":"assistant","message":{"id":"a","content":[{"type":"text","text":"Here I am."}]}}\n')

    assert (alone.text, alone.moved) == (b"", False)
    assert (after.text, after.moved) == (b"retry 1 of 2: overloaded (529)\nHere I am.\n", True)


def test_a_run_is_ended_at_the_first_refusal_of_its_login(workshop: Workshop) -> None:
    run = begun(workshop)
    assert not run.enough(1.0)

    run.hear(b'{"type":"system","subtype":"api_retry","attempt":1,"error":"authentication_failed"}\n')

    assert run.enough(1.1)
    outcome = run.read(Finished(-15, timed_out=False, seconds=1.2, output="")).outcome
    assert outcome is not None
    assert (outcome.failure, outcome.holds) == ("auth", "login")


def test_a_run_that_works_without_asking_for_locks_is_ended(workshop: Workshop) -> None:
    run = begun(workshop)

    run.hear(b'{"type":"assistant","message":{"id":"a","content":[]}}\n')

    assert run.enough(1.0)
    assert "lock hook" in str(run.read(Finished(-15, timed_out=False, seconds=1.2, output="")).error)


def test_silence_is_counted_from_the_last_sign_of_life(workshop: Workshop) -> None:
    run = begun(workshop, EngineOptions(silence=90.0))
    run.hear(PROVEN + b'{"type":"user","message":{"content":[]}}\n')

    assert [run.enough(worked) for worked in (10.0, 39.9)] == [False, False]
    run.hear(b'{"type":"stream_event"}\n')
    assert [run.enough(worked) for worked in (50.0, 139.9, 140.0)] == [False, False, True]


def test_a_transcript_is_bounded_in_size_and_number(tmp_path: Path) -> None:
    for number in range(1, MAX_KEPT + 3):
        transcript = Transcript(tmp_path, number)
        transcript.add(b"x" * (MAX_BYTES - 10))
        transcript.add(b"y" * 100)
        transcript.add(b"z")

    files = sorted(tmp_path.iterdir())
    assert len(files) == MAX_KEPT
    assert {file.stat().st_size for file in files} == {MAX_BYTES - 9}


def test_a_link_in_the_place_of_a_transcript_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    transcript = Transcript(tmp_path, 1)
    (tmp_path / "transcript-1.jsonl").symlink_to(victim)

    transcript.add(b"{}")

    assert victim.read_text() == "precious"

"""The commands as a shell sees them, with no factory there, and with one that only answers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from factory.cli.app import app
from factory.cli.exits import Exit, TimedOut, code_of
from factory.errors import (
    Broken,
    Conflict,
    FactoryUnreachable,
    InvalidInput,
    NotFound,
    Refused,
    RepositoryUnavailable,
    Retryable,
    Stale,
)
from factory.paths import Paths
from factory.protocol.commands import AnyRequest, Query, Reply, Steer
from tests.unit.cli.answering import SECONDS, Answering, by_heart, run

_HEAVY = {"anthropic", "github", "docker", "textual", "fastapi", "psycopg", "pydantic", "pykka"}
_LOADED = "import atexit, sys; atexit.register(lambda: print('loaded: ' + ' '.join(sys.modules)))\n"


def commands() -> list[list[str]]:
    names = [info.name or str(getattr(info.callback, "__name__", "")) for info in app.registered_commands]
    return [*([name] for name in names), ["pr", "list"], ["config", "show"]]


def test_there_is_every_command() -> None:
    named = "up down submit run demo status queue workers show logs kill retry cancel approve reject priority events pr tree version "
    named += "learnings stats pause resume drain reload locks init migrate info config completion doctor diff gates "
    named += "feed note unlock emergency-stop attach service"

    assert sorted(name for name, *_ in commands()) == sorted(named.split(" "))


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_help_has_an_example(words: list[str]) -> None:
    done = CliRunner().invoke(app, [*words, "--help"])

    assert done.exit_code == 0
    assert "  factory " in done.output.partition("Example")[2]


@pytest.mark.parametrize(
    "words", [["--help"], ["status"], ["status", "--json"], ["queue"], ["show", "abc", "--json"], ["pr", "list"]], ids=" ".join
)
def test_what_is_asked_often_loads_nothing_heavy(paths: Paths, words: list[str]) -> None:
    script = f"{_LOADED}sys.argv = {['factory', *words]!r}\nfrom factory.cli import main\nmain()"
    with Answering(
        paths,
        by_heart(
            status=Reply("ok", data={"counts": {}}),
            queue=Reply("ok", data={}),
            item=Reply("ok", data={}),
            pull_requests=Reply("ok", data={}),
        ),
    ):
        done = subprocess.run(
            [sys.executable, "-P", "-c", script],
            env={**os.environ, "FACTORY_DATA": str(paths.data), "FACTORY_RUN": str(paths.run)},
            capture_output=True,
            text=True,
            check=True,
            timeout=SECONDS,
        )

    loaded = set(done.stdout.splitlines()[-1].split())
    assert loaded & _HEAVY == set()


@pytest.mark.parametrize(
    "words",
    [
        ["status"], ["status", "--json"], ["queue"], ["workers"], ["tree"], ["pr", "list"], ["show", "abc"],
        ["logs", "abc"], ["events", "abc"], ["kill", "abc"], ["retry", "abc"], ["cancel", "abc"],
        ["locks"], ["pause"], ["resume"], ["drain"], ["learnings"], ["stats"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_without_a_factory_every_command_says_so_and_how_to_start_one(paths: Paths, words: list[str]) -> None:
    done = run(paths, *words)

    why = f"No factory runs on {paths.data}. Nothing was done there yet: `factory up --detach` starts one."
    assert (done.returncode, done.stderr) == (Exit.UNREACHABLE, f"factory: {why}\n")
    if "--json" in words:
        assert json.loads(done.stdout) == {"schema": "factory.error/1", "error": why, "code": Exit.UNREACHABLE}
    else:
        assert done.stdout == ""


def test_without_a_factory_it_is_said_that_what_was_done_is_kept(paths: Paths) -> None:
    paths.postgres.mkdir()

    assert "What was done there is kept, and can be looked at once one runs: `factory up --detach`" in run(paths, "queue").stderr


def test_stopping_what_does_not_run_is_no_failure(paths: Paths) -> None:
    done = run(paths, "down")

    assert (done.returncode, done.stderr) == (0, f"No factory runs on {paths.data}.\n")


def test_the_data_folder_can_be_given_on_the_command_line(paths: Paths, folder: Path) -> None:
    assert f"No factory runs on {folder / 'other'}." in run(paths, "--data", str(folder / "other"), "status").stderr


@pytest.mark.parametrize("words", [["stat"], ["show"], ["queue", "--limit", "0"], ["submit", "--priority", "soon"], ["--nonsense"]])
def test_wrong_use_is_exit_code_2(paths: Paths, words: list[str]) -> None:
    assert run(paths, *words).returncode == Exit.USAGE


def test_wrong_configuration_is_told_before_anything_is_made(paths: Paths, folder: Path) -> None:
    for words in (["up"], ["up", "--detach"]):
        done = run(paths, "--data", str(folder / "new"), *words, MAX_WORKERS="many")

        assert done.returncode == Exit.USAGE
        assert done.stderr.startswith("factory: MAX_WORKERS: max_workers should be a whole number.")
    assert not (folder / "new").exists()


def test_a_flag_that_is_no_setting_is_refused(paths: Paths) -> None:
    assert run(paths, "up", "--set", "max_workers").stderr == ("factory: --set max_workers: write it as NAME=VALUE, as in max_workers=3.\n")


@pytest.mark.parametrize(
    ("code", "status"),
    [("not_found", 3), ("conflict", 5), ("invalid", 2), ("refused", 5), ("unavailable", 4)],
)
def test_what_the_factory_answers_becomes_an_exit_code_and_its_sentence(paths: Paths, code: Any, status: int) -> None:
    with Answering(paths, by_heart(queue=Reply(code, "because \x1b[2Jof this"))):
        done = run(paths, "queue")

    assert (done.returncode, done.stdout, done.stderr) == (status, "", "factory: because of this\n")


def test_what_is_read_by_programs_is_one_object_with_a_schema(paths: Paths) -> None:
    with Answering(paths, by_heart(queue=Reply("ok", data={"schema": 1, "items": [{"id": "abc"}]}))):
        done = run(paths, "queue", "--json")

    assert json.loads(done.stdout) == {"schema": "factory.queue/1", "items": [{"id": "abc"}]}


def test_rows_of_a_newer_or_older_factory_are_shown_as_far_as_they_are_known(paths: Paths) -> None:
    views = {
        "queue": {"items": [{"id": "abc", "news": 1}]},
        "workers": {"workers": [{}]},
        "item": {"item": {"id": "abc"}},
        "events": {"events": [{}]},
        "pull_requests": {"pull_requests": [{}]},
        "tree": {"tree": [{}]},
        "status": {},
    }
    with Answering(paths, by_heart(**{name: Reply("ok", data=data) for name, data in views.items()})):
        for words in (["queue"], ["workers"], ["show", "a"], ["events", "a"], ["pr", "list"], ["tree"], ["status"]):
            done = run(paths, *words)

            assert (done.returncode, done.stderr) == (0, ""), words


def test_a_prefix_is_made_a_whole_id_before_anything_is_changed(paths: Paths) -> None:
    whole = "7k2d9x0abc"
    answers = by_heart(item=Reply("ok", data={"item": {"id": whole}}), change=Reply("ok", data={"status": "queued"}))
    with Answering(paths, answers) as factory:
        done = run(paths, "kill", "7k2", "--epoch", "3")

    steer = factory.asked[-1]
    assert isinstance(steer, Steer)
    assert (steer.verb, steer.item, steer.expected_epoch) == ("kill", whole, 3)
    assert done.stderr == f"kill {whole}: it is queued now.\n"


def test_priorities_are_sent_as_their_number(paths: Paths) -> None:
    with Answering(paths, by_heart(change=Reply("ok"))) as factory:
        done = run(paths, "priority", "7k2d9x0abc", "high")

    assert (factory.asked[-1].argument, done.returncode) == ("1", 0)


def test_a_log_is_cleaned_and_read_to_its_end(paths: Paths) -> None:
    parts = ["one\x1b[2J\n", "two\n", ""]

    def answer(request: AnyRequest) -> Reply:
        assert isinstance(request, Query)
        data = {"epoch": 2, "data": parts[request.offset], "next": request.offset + 1, "ended": True}
        return Reply("ok", data=data)

    with Answering(paths, answer) as factory:
        done = run(paths, "logs", "7k2d9x0abc", "--follow")

    assert done.stdout == "one\ntwo\n"
    # From the second look on it is that attempt, also when another one has begun meanwhile.
    assert [(request.epoch, request.offset) for request in factory.asked] == [(0, 0), (2, 1), (2, 2)]


def test_the_version_needs_no_factory(paths: Paths) -> None:
    told = json.loads(run(paths, "version", "--json").stdout)

    assert told["schema"] == "factory.version/1"
    assert told["version"] in run(paths, "version").stdout


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ENGINE": "other"}, "ENGINE=other: this engine is not known"),
        ({"ENGINE": "claude", "CLAUDE_BIN": "/bin/sh", "ANTHROPIC_API_KEY": "", "CLAUDE_CODE_OAUTH_TOKEN": ""}, "run `claude setup-token`"),
        ({"ENGINE": "claude", "CLAUDE_BIN": "/no/such/claude"}, "CLAUDE_BIN names /no/such/claude, which cannot be run"),
    ],
    ids=["engine", "credential", "program"],
)
def test_a_demo_that_cannot_be_played_says_in_one_sentence_what_to_do(paths: Paths, given: dict[str, str], words: str) -> None:
    done = run(paths, "demo", **given)

    assert done.returncode == Exit.USAGE
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInput("x"), 2), (NotFound("x"), 3), (Conflict("x"), 5), (Refused("x"), 5), (Stale("x"), 5),
        (FactoryUnreachable("x"), 4), (Retryable("x"), 4), (RepositoryUnavailable("x"), 1), (TimedOut("x"), 6), (Broken("x"), 1),
    ],
)  # fmt: skip
def test_every_kind_of_error_has_its_exit_code(error: Any, code: int) -> None:
    assert code_of(error) == code


def test_learnings_and_stats_are_tables_for_people_and_objects_for_programs(paths: Paths) -> None:
    learning = {"id": 1, "content": "use \x1b[2Jmake", "repo": "/srv/app.git", "active": True, "use_count": 2, "item": "abc", "model": "m"}
    row = {"repo": "/srv/app.git", "items": 3, "attempts": 4, "published": 3, "success_rate": 0.75, "tokens": 9, "seconds": 61.0}
    views = {"learnings": {"learnings": [learning]}, "stats": {"total": {**row, "repo": None}, "repos": [row]}}

    with Answering(paths, by_heart(**{name: Reply("ok", data=data) for name, data in views.items()})) as factory:
        listed, found = run(paths, "learnings"), run(paths, "learnings", "--search", "how to build", "--repo", "app", "--limit", "3")
        rated, told = run(paths, "stats"), run(paths, "stats", "--json")

    assert "app.git  use [2Jmake" in listed.stdout or "app.git  use make" in listed.stdout
    assert "\x1b" not in listed.stdout
    assert found.stdout.startswith("LIKE")
    assert (factory.asked[1].target, factory.asked[1].text, factory.asked[1].limit) == ("app", "how to build", 3)
    assert "75 %" in rated.stdout.splitlines()[-1]
    assert rated.stdout.splitlines()[-1].endswith("all")
    assert json.loads(told.stdout)["total"]["success_rate"] == 0.75
    assert json.loads(told.stdout)["schema"] == "factory.stats/1"

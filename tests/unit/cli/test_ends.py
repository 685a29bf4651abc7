"""How commands end when nobody reads on, the disk is full, or what was typed cannot be."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from factory.cli.exits import Exit
from factory.paths import Paths
from factory.protocol.commands import Reply
from tests.unit.cli.answering import FACTORY, SECONDS, Answering, by_heart, run

_VIEWS = by_heart(
    status=Reply("ok", data={"counts": {}}),
    queue=Reply("ok", data={"items": [{"id": "abc", "title": "x"}]}),
    item=Reply("ok", data={"item": {"id": "abc"}}),
    pull_requests=Reply("ok", data={}),
    log=Reply("ok", data={"data": "", "ended": True, "epoch": 1, "next": 0}),
)
_COMMANDS = [
    ["status"],
    ["status", "--json"],
    ["queue"],
    ["queue", "--limit", "3"],
    ["show", "abc"],
    ["pr", "list"],
    ["version"],
    ["--help"],
    ["info"],
]


def _ends(paths: Paths, words: list[str], out: int) -> "subprocess.CompletedProcess[str]":
    environ = {**os.environ, "FACTORY_DATA": str(paths.data), "FACTORY_RUN": str(paths.run)}
    with Answering(paths, _VIEWS):
        return subprocess.run([*FACTORY, *words], env=environ, stdout=out, stderr=subprocess.PIPE, text=True, check=False, timeout=SECONDS)


@pytest.mark.parametrize("words", _COMMANDS, ids=" ".join)
def test_where_nobody_reads_any_more_a_command_ends_without_a_word(paths: Paths, words: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)

    done = _ends(paths, words, write)

    os.close(write)
    assert done.stderr == ""
    assert done.returncode in {Exit.PIPE, Exit.FAILED}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no such device here")
@pytest.mark.parametrize("words", _COMMANDS, ids=" ".join)
def test_a_full_disk_is_told_in_one_sentence(paths: Paths, words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = _ends(paths, words, full.fileno())

    assert (done.returncode, done.stderr) == (Exit.FAILED, "factory: The output cannot be written: No space left on device.\n")


def test_where_errors_cannot_be_told_the_command_does_its_work_all_the_same(paths: Paths) -> None:
    with Answering(paths, by_heart(change=Reply("ok", data={"paused": {"intake": {}}}))) as factory, Path("/dev/full").open("w") as full:
        environ = {**os.environ, "FACTORY_DATA": str(paths.data), "FACTORY_RUN": str(paths.run)}
        done = subprocess.run([*FACTORY, "pause"], env=environ, stderr=full, check=False, timeout=SECONDS)

    assert done.returncode == 0
    assert len(factory.asked) == 1


def test_an_error_is_an_object_for_programs_too(paths: Paths) -> None:
    with Answering(paths, by_heart(item=Reply("not_found", "there is no item 'zz'"))):
        done = run(paths, "show", "zz", "--json")

    assert done.returncode == Exit.NOT_FOUND
    assert json.loads(done.stdout) == {"schema": "factory.error/1", "error": "there is no item 'zz'", "code": 3}
    assert done.stderr == "factory: there is no item 'zz'\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["submit", "--repo", ".", "--spec", "x", "--engine", "y", "--priority", "urgent"], "'urgent' is not one of 'critical', 'high',"),
        (["queue", "--limit", "x"], "'--limit': it should be a whole number."),
        (["queue", "--limit", "0"], "'--limit': it should be 1 or more."),
        (["up", "--set", "max_workers=x"], "max_workers should be a whole number."),
        (["up", "--set", "foo=1"], "--set foo: it is not a setting; `factory config show` lists those there are."),
        (["up", "--set", "max_worker=1"], "did you mean max_workers?"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_in_plain_words(paths: Paths, words: list[str], complaint: str) -> None:
    done = run(paths, *words)

    assert done.returncode == Exit.USAGE
    assert complaint in done.stderr
    assert "Value error" not in done.stderr
    assert "parse" not in done.stderr


@pytest.mark.parametrize("words", [["--version"], ["-V"], ["version"]], ids=" ".join)
def test_the_version_is_told_by_the_option_that_people_try_first(paths: Paths, words: list[str]) -> None:
    assert run(paths, *words).stdout.startswith("factory 0.")

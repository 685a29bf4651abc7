"""`factory worker`, before a factory that answers, and `factory-worker` where it is used wrongly."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from factory.cli.exits import Exit
from factory.paths import Paths
from factory.protocol.commands import Reply, SteerHost
from tests.unit.cli.answering import SECONDS, Answering, by_heart, run

_HOST = {
    "name": "anvil", "labels": ["gpu"], "draining": False, "seen_ago": 2.0, "expires_in": 80_000.0, "status": "enrolled", "workers": 1,
    "facts": {"engines": ["claude", "command"], "cores": 8, "memory": 32_768, "capacity": 4, "isolation": "confined\x1b[2J"},
}  # fmt: skip
_LINE = "factory-worker join tcp://factory:7712 TOKEN"


def over_there(*words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-P", "-m", "factory.worker_cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS, env={**os.environ, **environ})


def test_machines_are_listed_with_what_they_can_do(paths: Paths) -> None:
    with Answering(paths, by_heart(hosts=Reply("ok", data={"hosts": [_HOST]}))):
        told, read = run(paths, "worker", "list"), run(paths, "worker", "list", "--json")

    row = told.stdout.splitlines()[1]
    assert row.split()[:7] == ["anvil", "enrolled", "2.0s", "ago", "1", "of", "4"]
    assert "32 GiB" in row
    assert "\x1b" not in row
    assert json.loads(read.stdout)["hosts"] == [_HOST]


def test_without_machines_it_is_said(paths: Paths) -> None:
    with Answering(paths, by_heart(hosts=Reply("ok", data={"hosts": []}))):
        assert run(paths, "worker", "list").stdout == "No other machines: all workers run on this one.\n"


def test_enrolling_prints_the_line_alone_for_programs(paths: Paths) -> None:
    with Answering(paths, by_heart(change=Reply("ok", data={"line": _LINE, "seconds": 600.0}))) as factory:
        done = run(paths, "worker", "enroll", "anvil", "--label", "gpu", "--label", "big")

    assert done.stdout == f"{_LINE}\n"
    assert "Good once, for 10m" in done.stderr
    (asked,) = factory.asked
    assert isinstance(asked, SteerHost)
    assert (asked.verb, asked.host, asked.labels) == ("enroll", "anvil", ("gpu", "big"))


@pytest.mark.parametrize("verb", ["drain", "undrain", "revoke"])
def test_what_is_done_with_a_machine_is_told_to_the_factory(paths: Paths, verb: str) -> None:
    with Answering(paths, by_heart(change=Reply("ok"))) as factory:
        done = run(paths, "worker", verb, "anvil")

    assert done.returncode == Exit.OK
    assert [(asked.verb, asked.host) for asked in factory.asked] == [(verb, "anvil")]


def test_a_factory_without_remote_workers_says_how_to_have_them(paths: Paths) -> None:
    with Answering(paths, by_heart(change=Reply("refused", "This factory takes no remote workers: set worker_listen."))):
        done = run(paths, "worker", "enroll", "anvil")

    assert (done.returncode, done.stderr) == (Exit.REFUSED, "factory: This factory takes no remote workers: set worker_listen.\n")


def test_a_machine_that_has_not_joined_says_so(tmp_path: Path) -> None:
    done = over_there("run", "--data", str(tmp_path))

    assert done.returncode == Exit.USAGE
    assert "has not joined a factory" in done.stderr


@pytest.mark.parametrize(
    ("address", "token", "word"),
    [("factory:7712", "x", "write tcp://HOST:PORT"), ("tcp://127.0.0.1:7712", "x", "copy the whole line")],
)
def test_a_join_line_that_is_none_is_told_with_its_mend(tmp_path: Path, address: str, token: str, word: str) -> None:
    done = over_there("join", address, token, "--data", str(tmp_path), "--isolation", "unconfined")

    assert done.returncode == Exit.USAGE
    assert word in done.stderr
    assert not (tmp_path / "host.key").exists()


def test_the_unit_for_systemd_names_this_installation_s_program() -> None:
    done = over_there("service")

    assert "[Service]" in done.stdout
    assert "KillMode=process" in done.stdout
    assert str(Path(sys.executable).parent) in done.stdout


def test_without_a_docker_engine_it_is_said_before_a_token_is_spent(tmp_path: Path) -> None:
    done = over_there(
        "join", "tcp://127.0.0.1:7712", "x", "--data", str(tmp_path), "--host", "docker",
        FACTORY_DOCKER_HOST=f"unix://{tmp_path}/none.sock", HOME=str(tmp_path),
    )  # fmt: skip

    assert done.returncode == Exit.UNREACHABLE, done.stderr
    assert "engine" in done.stderr
    assert len(done.stderr.splitlines()) == 1

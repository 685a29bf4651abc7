"""Operators on another machine, shown with a real factory that listens on TCP; and the feed as a pipe reads it."""

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.errors import FactoryUnreachable
from factory.protocol.commands import Query, Steer
from factory.transport.command_client import CommandClient
from factory.transport.operator_key import Remote
from tests.e2e.command_line import Person, person
from tests.waiting import eventually

_SECONDS = 60


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def someone() -> Iterator[Person]:
    with person(new=False) as one:
        one.environment["FACTORY_LISTEN"] = f"tcp://127.0.0.1:{free_port()}"
        assert one.says("up", "--detach").returncode == 0
        yield one


def key_of(one: Person, name: str, role: str) -> Remote:
    done = one.says("operator", "add", name, "--role", role)
    assert done.returncode == 0, done.stderr
    file = one.folder / f"{name}.factory-key"
    assert file.stat().st_mode & 0o777 == 0o600
    return Remote.read(one.environment["FACTORY_LISTEN"], file)


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


def test_a_view_key_sees_all_and_kills_nothing_an_operate_key_kills_and_a_removed_one_is_not_heard(someone: Person) -> None:
    someone.hold.touch()
    view, operate = key_of(someone, "vic", "view"), key_of(someone, "ada", "operate")
    item = someone.says("submit", *someone.work()).stdout.strip()
    eventually(lambda: someone.status_of(item) == "running", _SECONDS)
    looking, steering = CommandClient(view), CommandClient(operate)

    assert looking.ask(Query("item", item), _SECONDS).data["item"]["status"] == "running"
    refused = looking.ask(Steer("c1", "kill", item, "root"), _SECONDS)
    assert (refused.code, "may look" in refused.reason) == ("refused", True)
    assert someone.status_of(item) == "running"

    assert steering.ask(Steer("c2", "kill", item, "root"), _SECONDS).code == "ok"
    reasons = [attempt["reason"] for attempt in someone.reads("show", item)["attempts"]]
    assert reasons[0] == "killed by ada"

    assert someone.says("operator", "remove", "ada").returncode == 0
    with pytest.raises(FactoryUnreachable, match="operator list"):
        steering.ask(Query("status"), 2)
    looking.close()
    steering.close()
    someone.hold.unlink()


def test_the_feed_tells_lines_without_escapes_from_here_and_from_elsewhere_until_ctrl_c(someone: Person) -> None:
    key_of(someone, "eve", "view")
    there = ["--connect", someone.environment["FACTORY_LISTEN"], "--key", "eve.factory-key"]
    item = someone.says("submit", *someone.work(), "--title", "\x1b]0;owned\x07 hello").stdout.strip()
    outputs = [someone.folder / f"feed-{number}" for number in range(3)]
    options: list[list[str]] = [["--plain"], there, ["--json", "--since", "1h"]]
    started = []
    for output, more in zip(outputs, options, strict=True):
        with output.open("w") as target:
            started.append(subprocess.Popen(
                someone.command("feed", *more), env=someone.environment, cwd=someone.folder, stdout=target, stderr=subprocess.PIPE,
            ))  # fmt: skip
    for output in outputs:
        eventually(lambda output=output: any(item in line and "completed" in line for line in lines(output)), _SECONDS)  # type: ignore[misc]

    for process in started:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=_SECONDS)
        assert (process.returncode, b"Traceback" in said) == (130, False)
    assert "\x1b" not in "".join(output.read_text() for output in outputs)
    told = [json.loads(line) for line in lines(outputs[2])]
    assert {row["schema"] for row in told} == {"factory.feed/1"}
    assert [row["seq"] for row in told if row["kind"] == "event" and row["stream"] == f"item:{item}"][:2] == [1, 2]


def test_a_pipe_that_is_closed_ends_the_feed_quietly(someone: Person) -> None:
    process = someone.starts("feed", "--kind", "node")
    assert process.stdout is not None
    assert process.stderr is not None
    assert " node " in process.stdout.readline()
    process.stdout.close()

    someone.says("actor", "restart", "learner")

    assert process.wait(timeout=_SECONDS) == 141
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()

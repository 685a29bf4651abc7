"""How long the factory takes to come up on data that it has made before."""

import subprocess
import sys

import pytest

from factory.cli.client import view
from factory.errors import Retryable
from factory.paths import Paths
from factory.storage.embedded import EmbeddedServer
from tests.bench.measures import Row, Table, milliseconds, taking_turns
from tests.waiting import eventually

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

_ROUNDS = 7
_UP_SECONDS = 60.0
_ANSWER_SECONDS = 1.0
_DOWN_SECONDS = 60.0


def test_coming_up_takes_longer_than_the_bare_server_and_an_empty_interpreter(paths: Paths, environ: dict[str, str], table: Table) -> None:
    spans = taking_turns({"factory": lambda: _up(paths, environ), "bare": lambda: _bare(paths)}, _ROUNDS)

    what, beside = "factory up on warm data, until it answers status", "its PostgreSQL + python -c pass"
    table.add(Row(what, "ms", spans["factory"], beside, spans["bare"]))


def _up(paths: Paths, environ: dict[str, str]) -> float:
    def start() -> None:
        started.append(subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        eventually(lambda: _answers(paths), _UP_SECONDS, "the factory answers")

    command = [sys.executable, "-P", "-m", "factory.cli", "up"]
    started: list[subprocess.Popen[bytes]] = []
    try:
        return milliseconds(start)
    finally:
        for process in started:
            process.terminate()
            process.wait(_DOWN_SECONDS)


def _answers(paths: Paths) -> bool:
    try:
        view(paths, "status", timeout=_ANSWER_SECONDS)
    except Retryable:
        return False
    return True


def _bare(paths: Paths) -> float:
    server = EmbeddedServer(paths.postgres)
    try:
        return milliseconds(server.start) + milliseconds(
            lambda: subprocess.run([sys.executable, "-c", "pass"], check=True, timeout=_ANSWER_SECONDS * 30)
        )
    finally:
        server.stop()

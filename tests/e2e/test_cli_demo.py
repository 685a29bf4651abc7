"""`factory demo`, as a stranger runs it first."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from factory.demo import scripted_model
from factory.demo.model_server import serving
from factory.demo.sample import heads
from factory.paths import fresh_folder
from tests.claude_code import claude_binary
from tests.waiting import eventually

_SECONDS = 110
_DEMO = [sys.executable, "-P", "-m", "factory.cli", "demo"]


@pytest.fixture
def place() -> Iterator[Path]:
    """The folder in which the demo makes its own."""
    made = fresh_folder("factory-d-")
    yield made
    shutil.rmtree(made)


def environment(place: Path) -> dict[str, str]:
    # Settings of the person's own must not get in: these would make every attempt fail.
    own = {"MAX_WORKERS": "none", "FACTORY_COOLDOWN": "1h", "DATABASE_URL": "postgresql://nowhere"}
    return {**os.environ, **own, "TMPDIR": str(place)}


def left_over(place: Path) -> list[str]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if str(place) in line:
            found.append(f"{process.pid} {line}")
    return found


def test_six_specs_become_six_pull_requests_with_their_branches_in_the_remote(place: Path) -> None:
    done = subprocess.run(_DEMO, env=environment(place), cwd=place, capture_output=True, text=True, check=False, timeout=_SECONDS)

    assert done.returncode == 0, done.stderr
    assert re.search(r"^Workers are (un)?confined: ", done.stderr, re.MULTILINE)
    assert "The agent is a demo agent" in done.stderr
    rows = [line.split()[:7] for line in done.stdout.splitlines() if " factory/" in line and "git" not in line]
    assert [row[1] for row in rows] == ["critical", "high", "high", "medium", "medium", "low"]
    assert [row[2:5] for row in rows] == [["completed", n, n] for n in ("2", "2", "2", "3", "1", "2")]
    assert sorted(row[6] for row in rows) == ["#1", "#2", "#3", "#4", "#5", "#6"]
    (remote,) = place.glob("factory-demo-*/remote.git")
    assert set(heads(remote)) == {"main", *(row[5] for row in rows)}
    assert f"git -C {remote} log --oneline {rows[0][5]}" in done.stdout
    assert left_over(place) == []
    assert {path.name for path in remote.parent.iterdir()} == {"remote.git", "sample"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_all_of_it_and_nothing_is_left(place: Path, number: signal.Signals, code: int) -> None:
    process = subprocess.Popen(_DEMO, env=environment(place), cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0)
    eventually(lambda: list(place.glob("factory-demo-*/data/workers/*-1")), _SECONDS, "a worker is there")

    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=_SECONDS)

    assert process.returncode == code, err
    assert b"nothing of it is left" in err
    assert left_over(place) == []
    assert list(place.iterdir()) == []


def test_the_place_for_it_is_the_usual_one_for_temporary_files() -> None:
    made = fresh_folder("factory-demo-")

    assert made.parent in {Path(tempfile.gettempdir()), Path("/tmp")}
    made.rmdir()


@pytest.mark.slow
def test_claude_code_plays_the_demo_against_a_scripted_model(place: Path) -> None:
    with serving(scripted_model.answer) as model:
        chosen = {"ENGINE": "claude", "CLAUDE_BIN": str(claude_binary()), "FACTORY_DEMO_MODEL_URL": model.url}
        done = subprocess.run(
            _DEMO, env=environment(place) | chosen, cwd=place, capture_output=True, text=True, check=False, timeout=_SECONDS
        )

    assert done.returncode == 0, done.stderr
    assert "The agent is Claude Code." in done.stderr
    rows = [line.split()[:5] for line in done.stdout.splitlines() if " factory/" in line and "git" not in line]
    assert [row[2:5] for row in rows] == [["completed", n, n] for n in ("2", "2", "2", "3", "1", "2")]
    assert left_over(place) == []

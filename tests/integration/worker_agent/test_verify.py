import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.worker_agent.workshop import git, make_mirror
from tests.waiting import eventually

_SECONDS = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "W" / "in").mkdir(parents=True)
    return tmp_path / "W"


def _start(folder: Path, **order: Any) -> "subprocess.Popen[bytes]":
    (folder / "in" / "verify.json").write_text(json.dumps(order))
    return subprocess.Popen(
        [sys.executable, "-I", "-m", "worker_agent", "verify"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "FACTORY_WORKER_DIR": str(folder)},
        stdin=subprocess.DEVNULL,
    )


def _verify(folder: Path, **order: Any) -> tuple[int, dict[str, Any]]:
    with _start(folder, **order) as process:
        code = process.wait(_SECONDS)
    return code, json.loads((folder / "out" / "report.json").read_bytes())


def _gate(name: str, command: str) -> dict[str, Any]:
    return {"name": name, "command": command, "timeout": 60.0, "required": True}


@pytest.mark.parametrize(("command", "passed"), [("git rev-parse HEAD; git status --short", True), ("git rev-parse HEAD; exit 1", False)])
def test_the_gate_runs_on_a_clean_clone_of_exactly_the_commit(folder: Path, tmp_path: Path, command: str, passed: bool) -> None:
    mirror, commit = make_mirror(tmp_path)
    git(tmp_path / "tree", "commit", "-q", "--allow-empty", "-m", "later")
    git(tmp_path / "tree", "push", "-q", str(mirror), "main")

    code, report = _verify(folder, source=str(mirror), commit=commit, gate=_gate("head", command))

    gate = report["gate"]
    assert (code, report["commit"]) == (0, commit)
    assert (gate["name"], gate["passed"], gate["output"]) == ("head", passed, f"{commit}\n")
    assert gate["seconds"] > 0


def test_a_commit_that_is_not_there_is_an_error_and_no_verdict(folder: Path, tmp_path: Path) -> None:
    mirror, _ = make_mirror(tmp_path)

    code, report = _verify(folder, source=str(mirror), commit="1" * 40, gate=_gate("a", "true"))

    assert code == 1
    assert list(report) == ["error"]
    assert "does not hold the commit" in report["error"]


def test_an_order_that_cannot_be_read_is_an_error(folder: Path) -> None:
    code, report = _verify(folder, commit=7)

    assert (code, list(report)) == (1, ["error"])


@pytest.mark.skipif(os.geteuid() != 0, reason="gives the mirror to another user")
def test_a_mirror_of_another_user_can_be_read(folder: Path, tmp_path: Path) -> None:
    mirror, commit = make_mirror(tmp_path)
    for path in [mirror, *mirror.rglob("*")]:
        os.chown(path, 65534, 65534)

    assert _verify(folder, source=str(mirror), commit=commit, gate=_gate("a", "true"))[0] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes through /proc")
def test_sigterm_ends_the_gate_and_leaves_no_report(folder: Path, tmp_path: Path) -> None:
    mirror, commit = make_mirror(tmp_path)
    gate = _gate("slow", "echo $$ > $HOME/pid; exec sleep 600")

    with _start(folder, source=str(mirror), commit=commit, gate=gate) as process:
        pid = eventually(lambda: (folder / "home" / "pid").exists() and (folder / "home" / "pid").read_text().strip())
        process.send_signal(signal.SIGTERM)
        code = process.wait(_SECONDS)

    assert code == 143
    assert not Path(f"/proc/{pid}/environ").exists()
    assert not (folder / "out" / "report.json").exists()

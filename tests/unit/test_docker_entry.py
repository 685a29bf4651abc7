"""The first program of a container, run as the process that it is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from factory.integrations import docker_entry
from factory.integrations.docker_host import inputs
from factory.worker_ports import WorkerOrder

TELLS = """
import json, os
print(json.dumps({"in": sorted(os.listdir("in")), "here": sorted(os.listdir(".")), "told": os.environ.get("TOLD")}))
"""


def entry(folder: Path, sent: bytes, *command: str) -> "subprocess.CompletedProcess[bytes]":
    (folder / "in").mkdir(exist_ok=True)
    text = Path(docker_entry.__file__).read_text("utf-8")
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", text, *command], input=sent, cwd=folder, capture_output=True, timeout=30, check=False
    )  # fmt: skip


def test_it_lays_out_what_it_is_sent_and_becomes_the_worker(tmp_path: Path) -> None:
    order = WorkerOrder(
        "item-1", (), {"key": b"\x00secret", "spec.md": b"x" * 200_000}, environment=(("TOLD", "a b\nc"), ("MARK", "forged"))
    )

    done = entry(tmp_path, inputs(order, {"MARK": "mine"}), sys.executable, "-c", TELLS)

    assert json.loads(done.stdout) == {"in": ["key", "spec.md"], "here": ["home", "in", "out", "tmp", "work"], "told": "a b\nc"}
    assert (tmp_path / "in/key").read_bytes() == b"\x00secret"
    assert (tmp_path / "in/key").stat().st_mode & 0o777 == 0o400
    assert (tmp_path / "in/spec.md").stat().st_size == 200_000


def test_nothing_of_the_order_overrides_what_marks_the_worker() -> None:
    order = WorkerOrder("item-1", (), {}, environment=(("MARK", "forged"),))

    assert b"forged" not in inputs(order, {"MARK": "mine"})


@pytest.mark.parametrize("kept", [0, 10, 16, 30, -1])
def test_inputs_that_end_early_start_no_worker(tmp_path: Path, kept: int) -> None:
    whole = inputs(WorkerOrder("item-1", (), {"key": b"secret"}), {})

    done = entry(tmp_path, whole[:kept], sys.executable, "-c", "print('ran')")

    assert (done.returncode, done.stdout) == (docker_entry.EXIT_NO_INPUTS, b"")
    assert done.stderr == b"the worker's inputs did not come: whoever started this worker went away\n"


def test_inputs_that_are_none_start_no_worker(tmp_path: Path) -> None:
    done = entry(tmp_path, b"GET / HTTP/1.1\r\n\r\n", sys.executable, "-c", "print('ran')")

    assert (done.returncode, done.stdout) == (docker_entry.EXIT_NO_INPUTS, b"")


def test_a_worker_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = entry(tmp_path, inputs(WorkerOrder("item-1", (), {}), {}), "/nowhere/agent")

    assert done.returncode == docker_entry.EXIT_CANNOT_EXECUTE
    assert done.stderr.startswith(b"cannot run /nowhere/agent: [Errno 2] No such file or directory")

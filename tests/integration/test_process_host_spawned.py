"""A worker that was spawned a moment ago, whose new program has no environment yet, is found all the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from factory.integrations import process_host_table, process_host_watch
from factory.integrations.process_host_family import Kin
from factory.integrations.process_host_table import Process, look, some_are_between_programs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what it is about is read in /proc")


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of processes with one in it, which has neither environment nor arguments."""
    monkeypatch.setattr(process_host_table, "_PROC", tmp_path)
    folder = tmp_path / "4711"
    folder.mkdir()
    (folder / "environ").touch()
    (folder / "cmdline").touch()
    (folder / "exe").symlink_to("/bin/sh")
    return folder


def test_one_with_neither_environment_nor_arguments_is_between_two_programs(proc: Path) -> None:
    assert proc.exists()
    assert some_are_between_programs()


@pytest.mark.parametrize("told", ["environ", "cmdline"])
def test_one_with_either_is_not(proc: Path, told: str) -> None:
    (proc / told).write_bytes(b"sh\0")

    assert not some_are_between_programs()


def test_a_thread_of_the_kernel_is_not(proc: Path) -> None:
    (proc / "exe").unlink()

    assert not some_are_between_programs()


def test_one_that_has_ended_is_not() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as ended:
        assert ended.stdout
        ended.stdout.read()

        assert look(ended.pid) is not None
        assert not process_host_table._is_between_programs(Path(f"/proc/{ended.pid}"))


def test_a_worker_is_looked_for_again_while_some_are_between_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = look(os.getpid())
    assert worker is not None
    looks: list[dict[int, Process]] = [{}, {}, {worker.pid: worker}]
    monkeypatch.setattr(process_host_watch, "members", lambda _kin: looks.pop(0))
    monkeypatch.setattr(process_host_watch, "some_are_between_programs", lambda: True)

    assert process_host_watch._spawned(Kin(frozenset())) == worker


def test_where_nobody_is_one_look_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[dict[int, Process]] = [{}]
    monkeypatch.setattr(process_host_watch, "members", lambda _kin: looks.pop(0))
    monkeypatch.setattr(process_host_watch, "some_are_between_programs", lambda: False)

    assert process_host_watch._spawned(Kin(frozenset())) is None
    assert looks == []

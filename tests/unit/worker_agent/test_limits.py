"""What the kernel's counters say of a container, in both ways in which it tells them."""

from pathlib import Path

import pytest

from worker_agent.iteration import _told
from worker_agent.limits import Refused, refused, since
from worker_agent.processes import Finished

V1 = ("memory/memory.oom_control", "memory/memory.limit_in_bytes", "pids/pids.events", "pids/pids.max")
V2 = ("memory.events", "memory.max", "pids.events", "pids.max")
LIMITS = ("67108864", "64")


def write(root: Path, version: tuple[str, ...], kills: int, refusals: int, limits: tuple[str, str] = LIMITS) -> None:
    texts = (f"oom_kill_disable 0\nlow 0\noom_kill {kills}", limits[0], f"max {refusals}", limits[1])
    for name, text in zip(version, texts, strict=True):
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{text}\n")


@pytest.mark.parametrize("version", [V1, V2], ids=["v1", "v2"])
def test_what_was_refused_meanwhile_is_told_with_the_limit(tmp_path: Path, version: tuple[str, ...]) -> None:
    write(tmp_path, version, kills=2, refusals=5)
    before = refused(tmp_path)
    assert before == Refused(2, 5)
    assert since(before, tmp_path) == ""

    write(tmp_path, version, kills=3, refusals=5)
    assert since(before, tmp_path) == "the worker ran out of memory (64 MB): the kernel killed what used most of it"

    write(tmp_path, version, kills=2, refusals=9)
    assert since(before, tmp_path) == "the worker reached its limit of processes (64 at once)"


def test_a_limit_that_is_none_is_not_named(tmp_path: Path) -> None:
    write(tmp_path, V2, kills=1, refusals=1, limits=("max", "max"))

    told = since(Refused(), tmp_path)

    assert told == (
        "the worker ran out of memory: the kernel killed what used most of it and reached its limit of processes"
    )  # fmt: skip


def test_a_machine_without_these_files_refuses_nothing(tmp_path: Path) -> None:
    assert refused(tmp_path) == Refused()
    assert since(Refused(), tmp_path) == ""


def test_files_that_hold_something_else_refuse_nothing(tmp_path: Path) -> None:
    (tmp_path / "memory.events").write_text("oom_kill many\nnonsense\n\n")
    (tmp_path / "pids.events").write_bytes(b"\xff\xfe")

    assert refused(tmp_path) == Refused()


def test_an_engine_that_was_refused_something_is_told_with_it() -> None:
    told = _told(Finished(-9, timed_out=False, seconds=1.0, output="", refused="the worker ran out of memory"))

    assert told == "the agent ended with exit code -9; the worker ran out of memory"
    assert _told(Finished(1, timed_out=False, seconds=1.0, output="")) == "the agent ended with exit code 1"

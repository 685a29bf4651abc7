"""The demo's agent does the demo's tasks, one a run, and the sample's gates say so."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from factory.demo.sample import engine, heads, make_remote, write_specs
from factory.domain import gates
from factory.domain.spec import Spec, parse_spec

_SECONDS = 60


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    make_remote(tmp_path)
    return tmp_path / "sample"


def spec_of(file: Path) -> Spec:
    spec = parse_spec(file.read_text())
    assert isinstance(spec, Spec)
    return spec


def run_agent(sample: Path, spec: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "FACTORY_SPEC": str(spec), "FACTORY_NOTES": str(spec.parent / "notes")}
    command = shlex.split(engine().removeprefix("command:"))
    return subprocess.run(command, cwd=sample, env=environment, check=False, capture_output=True, text=True, timeout=_SECONDS)


def git(sample: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=sample, check=True, capture_output=True, text=True, timeout=_SECONDS)
    return done.stdout


def red_gates(sample: Path) -> list[str]:
    listed = gates.parse((sample / ".factory.toml").read_text())
    assert [gate.required for gate in listed] == [True, False]
    runs = {gate.name: ["sh", "-c", gate.command] for gate in listed}
    return [name for name, run in runs.items() if subprocess.run(run, cwd=sample, check=False, timeout=_SECONDS).returncode]


def test_there_are_six_specs_of_every_priority_and_no_two_touch_the_same_file(tmp_path: Path) -> None:
    specs = write_specs(tmp_path)

    assert [spec.priority for spec in specs] == ["critical", "high", "high", "medium", "medium", "low"]
    files = [file for spec in specs for file in spec_of(spec.file).files]
    assert len(files) == len(set(files)) == 12


def test_the_remote_has_the_sample_on_main(tmp_path: Path) -> None:
    assert list(heads(make_remote(tmp_path))) == ["main"]
    assert red_gates(tmp_path / "sample") == []


def test_every_task_takes_one_run_and_one_commit_and_all_gates_stay_green(sample: Path, tmp_path: Path) -> None:
    for demo in write_specs(tmp_path):
        for left in range(spec_of(demo.file).open_tasks, 0, -1):
            before = git(sample, "rev-list", "--count", "HEAD")
            done = run_agent(sample, demo.file)

            assert done.returncode == 0, done.stderr
            assert spec_of(demo.file).open_tasks == left - 1
            assert int(git(sample, "rev-list", "--count", "HEAD")) == int(before) + 1
        assert git(sample, "status", "--porcelain") == ""
        assert red_gates(sample) == []
    assert len((tmp_path / "specs" / "notes" / "new-learnings.md").read_text().splitlines()) == 12


def test_an_agent_that_was_killed_before_it_ticked_the_box_does_its_work_only_once(sample: Path, tmp_path: Path) -> None:
    spec = write_specs(tmp_path)[0].file
    untouched = spec.read_bytes()
    run_agent(sample, spec)
    spec.write_bytes(untouched)

    assert run_agent(sample, spec).returncode == 0

    assert git(sample, "rev-list", "--count", "HEAD").strip() == "2"
    assert spec_of(spec).open_tasks == 1


def test_a_task_that_it_does_not_know_is_given_up_in_words(sample: Path, tmp_path: Path) -> None:
    spec = tmp_path / "SPEC.md"
    spec.write_text("# Other\n\n- [ ] Make it faster\n")

    done = run_agent(sample, spec)

    assert done.returncode == 1
    assert "Make it faster" in (tmp_path / "notes" / "stuck.md").read_text()
    assert git(sample, "rev-list", "--count", "HEAD").strip() == "1"


def test_with_every_box_ticked_nothing_is_done(sample: Path, tmp_path: Path) -> None:
    spec = tmp_path / "SPEC.md"
    spec.write_text("# Done\n\n- [x] Add `slug(text)` to `wordkit/slugs.py`\n")

    assert run_agent(sample, spec).returncode == 0
    assert git(sample, "rev-list", "--count", "HEAD").strip() == "1"


def test_a_red_test_makes_the_required_gate_red(sample: Path) -> None:
    (sample / "wordkit" / "cleaning.py").write_text("def squeeze(text):\n    return text\n")

    assert red_gates(sample) == ["tests"]


def test_the_agent_runs_on_the_standard_library_alone() -> None:
    words = shlex.split(engine().removeprefix("command:"))

    done = subprocess.run([sys.executable, "-I", "-S", *words[1:]], check=False, capture_output=True, text=True, timeout=_SECONDS, env={})

    assert "KeyError: 'FACTORY_SPEC'" in done.stderr

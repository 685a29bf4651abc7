"""A shell beside a worker: where it starts, that the terminal waits for it, and what is told meanwhile."""

from pathlib import Path

import pytest

from tui import outside
from tui.outside import Entry


@pytest.fixture
def workers(tmp_path: Path) -> Path:
    (tmp_path / "aaa-2" / "work").mkdir(parents=True)
    return tmp_path


def shell(folder: Path, text: str) -> str:
    """A program that takes the place of the person's shell."""
    file = folder / "shell"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


def test_the_persons_own_shell_runs_in_the_folder_that_the_worker_works_in(
    workers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", shell(tmp_path, f"pwd -P > {tmp_path}/where"))
    where = outside.entry({"id": "aaa-2", "isolation": "unconfined"}, workers)
    assert isinstance(where, Entry)

    outside.enter(where, lambda: None)

    assert (tmp_path / "where").read_text().strip() == str((workers / "aaa-2" / "work").resolve())


def test_what_the_factory_tells_while_a_shell_is_open_is_taken(workers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Ends only when it is told to from beside it.
    monkeypatch.setenv("SHELL", shell(tmp_path, f"while ! test -e {tmp_path}/taken; do sleep 0.05; done"))
    where = outside.entry({"id": "aaa-2", "isolation": "unconfined"}, workers)
    assert isinstance(where, Entry)
    taken: list[str] = []

    def meanwhile() -> None:
        taken.append("news")
        (tmp_path / "taken").touch()

    outside.enter(where, meanwhile)

    assert taken


@pytest.mark.parametrize("name", ["../aaa-2", "/etc", "", "bbb-1"])
def test_no_name_leads_out_of_the_workers_folders_or_to_one_that_is_not_there(workers: Path, name: str) -> None:
    where = outside.entry({"id": name, "isolation": "unconfined"}, workers / "aaa-2" if name.startswith("..") else workers)

    assert isinstance(where, str)
    assert where.startswith(f"The folder of {name} cannot be entered")


def test_a_container_of_this_machine_is_entered_by_its_whole_name(workers: Path) -> None:
    worker = {"id": "aaa-2", "isolation": "container", "container_id": "c0ffee1234567890"}

    assert outside.entry(worker, workers) == Entry(("docker", "exec", "-it", "c0ffee1234567890", "sh"))


def test_where_nothing_works_there_is_nothing_to_enter(workers: Path) -> None:
    assert outside.entry(None, workers) == "Nothing works on it: there is nothing to open a shell in."

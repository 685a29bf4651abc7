"""A worker may put anything into its folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.errors import InvalidInput, NoResult
from factory.integrations import process_host_files as files
from tests.integration.process_hosts import (
    WAIT,
    Bench,
    benches,
    order,
    output,
)
from tests.waiting import eventually


@pytest.fixture
def plain() -> Iterator[Bench]:
    yield from benches("unconfined")


@pytest.fixture(params=["unconfined", "uid", "bubblewrap"])
def every(request: pytest.FixtureRequest) -> Iterator[Bench]:
    yield from benches(request.param)


@pytest.mark.parametrize("name", ["", "../x", "A", "-x", "x" * 62, ".meta"])
def test_a_worker_s_name_leads_nowhere_else(plain: Bench, name: str) -> None:
    with pytest.raises(InvalidInput):
        plain.host().start(order("pass", name))
    with pytest.raises(InvalidInput):
        plain.host().remove(name)


def test_an_input_file_s_name_leads_nowhere_else(plain: Bench) -> None:
    with pytest.raises(InvalidInput):
        plain.host().start(order("pass", files={"../x": b""}))


def test_collecting_follows_no_link_in_the_place_of_the_folder(every: Bench, tmp_path: Path) -> None:
    outside = every.root.parent / "outside"
    outside.mkdir()
    (outside / "result").write_text("secret")
    output(every, f"import os; os.rename('out', 'gone'); os.symlink({str(outside)!r}, 'out')")

    with pytest.raises(NoResult):
        every.host().collect("w", "result", tmp_path / "result", 1000)


def test_removing_deletes_closed_deep_and_linked_folders_and_nothing_behind_them(every: Bench) -> None:
    outside = every.root.parent / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    text = f"""
import os
os.chdir("work")
os.symlink({str(outside)!r}, "link")
os.makedirs("closed/inner"); open("closed/inner/file", "w"); os.chmod("closed/inner", 0); os.chmod("closed", 0o500)
for _ in range(3000):
    os.mkdir("deep"); os.chdir("deep")
"""
    output(every, text)

    every.host().remove("w")

    assert not every.folder().exists()
    assert [path.name for path in every.root.glob(".meta/w*")] == []
    assert (outside / "kept").read_text() == "kept"


def test_a_log_that_grew_too_large_is_emptied_and_its_end_kept(plain: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOG_LIMIT_BYTES", 1000)
    host = plain.host()
    host.start(order("print('x' * 5000, flush=True); print('end', flush=True); open('out/ready','w')\n" + WAIT))
    eventually((plain.folder() / "out" / "ready").exists)

    host.poll("w")

    assert (plain.folder() / "agent.log").stat().st_size == 0
    assert host.log("w", 6) == b"x\nend\n"


def test_a_file_that_the_worker_puts_in_the_place_of_its_log_is_neither_read_nor_emptied(
    plain: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LOG_LIMIT_BYTES", 3)
    outside = plain.root.parent / "outside"
    outside.write_text("secret")
    host = plain.host()
    host.start(order(f"import os; os.unlink('agent.log'); os.link({str(outside)!r}, 'agent.log'); open('out/ready','w')\n" + WAIT))
    eventually((plain.folder() / "out" / "ready").exists)

    host.poll("w")

    assert host.log("w", 100) == b""
    assert outside.read_text() == "secret"

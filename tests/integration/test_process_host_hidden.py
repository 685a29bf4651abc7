"""A data folder that lies inside what every worker sees of the machine."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.integrations import process_host_bubblewrap as bubblewrap
from factory.integrations.process_host_bubblewrap import Profile

RUN_SECONDS = 60


@pytest.fixture
def toolchain(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stands for /opt: a folder that is shown to every worker, with a factory's data in it."""
    # Not below /tmp, which is the worker's own inside.
    place = Path(tempfile.mkdtemp(prefix="ff-", dir="/var/tmp"))
    monkeypatch.setattr(bubblewrap, "_TOOLCHAIN", (*bubblewrap._TOOLCHAIN, str(place)))
    for name in ("tool", "data/gateway.key", "data/mirrors/one", "data/mirrors/other", "data/workers/w-2/in"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(f"content of {name}")
    (place / "data/workers/w-1").mkdir()
    yield place
    shutil.rmtree(place)


def inside(toolchain: Path, text: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("bwrap")
    if program is None:
        pytest.skip("there is no bubblewrap")
    data = toolchain / "data"
    profile = Profile(as_root=False, network=True)
    options = profile.options(data / "workers/w-1", [data / "mirrors/one"])
    command = (program, *options, "--", "/bin/sh", "-c", text)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=RUN_SECONDS, cwd="/")
    if "No permissions" in done.stderr or "Operation not permitted" in done.stderr:
        pytest.skip(f"namespaces do not work here: {done.stderr}")
    return done


@pytest.mark.parametrize("secret", ["gateway.key", "mirrors/other", "workers/w-2/in"])
def test_what_the_factory_keeps_there_is_not_seen(toolchain: Path, secret: str) -> None:
    seen = inside(toolchain, f"cat {toolchain}/data/{secret}")

    assert (seen.stdout, seen.returncode) == ("", 1)


def test_what_the_worker_may_read_of_it_and_the_tools_beside_it_are_seen(toolchain: Path) -> None:
    seen = inside(toolchain, f"cat {toolchain}/data/mirrors/one {toolchain}/tool")

    assert seen.stdout == "content of data/mirrors/onecontent of tool"


def test_the_workers_own_folder_is_still_the_only_one_to_write_in(toolchain: Path) -> None:
    data = toolchain / "data"

    assert inside(toolchain, f"echo mine > {data}/workers/w-1/file").returncode == 0

    assert (data / "workers/w-1/file").read_text() == "mine\n"
    assert inside(toolchain, f"echo x > {data}/file").returncode != 0
    assert not (data / "file").exists()


def test_a_folder_below_the_target_of_a_link_is_hidden_in_both_places(toolchain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = toolchain.with_name(f"{toolchain.name}-link")
    link.symlink_to(toolchain)
    monkeypatch.setattr(bubblewrap, "_TOOLCHAIN", (*bubblewrap._TOOLCHAIN, str(link)))

    try:
        seen = inside(toolchain, f"cat {link}/tool; cat {link}/data/gateway.key")
    finally:
        link.unlink()

    assert seen.stdout == "content of tool"

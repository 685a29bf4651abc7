"""What every host of workers does, whatever it runs them in."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from factory.errors import Conflict, NoResult
from factory.worker_ports import Life, Observed, WorkerHost, WorkerOrder
from tests.contract.worker_hosts import MakeHost, docker_hosts, fake_hosts, process_hosts, remote_hosts
from tests.waiting import eventually

_GRACE = 30.0
"""Only waited for in full where the test fails."""
_LIMIT = 1000


@pytest.fixture(
    params=[
        pytest.param(fake_hosts, id="fake"),
        pytest.param(partial(process_hosts, "unconfined"), id="plain process"),
        pytest.param(partial(process_hosts, "uid"), id="own uid"),
        pytest.param(partial(process_hosts, "bubblewrap"), id="bubblewrap"),
        pytest.param(remote_hosts, id="remote"),
        pytest.param(docker_hosts, id="docker", marks=pytest.mark.docker),
    ]
)
def make_host(request: pytest.FixtureRequest) -> Iterator[MakeHost]:
    hosts: AbstractContextManager[MakeHost] = request.param()
    with hosts as make:
        yield make


@pytest.fixture
def host(make_host: MakeHost) -> WorkerHost:
    return make_host("test")


def order(*steps: str, name: str = "item-1") -> WorkerOrder:
    return WorkerOrder(name, steps, {})


def ready(host: WorkerHost, folder: Path, name: str = "item-1") -> None:
    eventually(lambda: _collected(host, name, "ready", folder) is not None, what="the worker is ready")


def ended(host: WorkerHost, name: str = "item-1") -> Observed:
    eventually(lambda: host.poll(name).life is Life.EXITED, what="the worker has ended")
    return host.poll(name)


def _collected(host: WorkerHost, name: str, file: str, folder: Path, limit: int = _LIMIT) -> bytes | None:
    try:
        host.collect(name, file, folder / "collected", limit)
    except NoResult:
        return None
    return (folder / "collected").read_bytes()


def test_a_started_worker_runs(host: WorkerHost) -> None:
    started = host.start(order("wait"))

    assert started.life is Life.RUNNING
    assert host.poll("item-1") == started


def test_starting_a_worker_twice_gives_the_same_worker_and_runs_it_once(host: WorkerHost, tmp_path: Path) -> None:
    first = host.start(order("count", "starts", "wait"))
    ready(host, tmp_path)

    second = host.start(order("count", "starts", "wait"))

    assert second == first
    assert _collected(host, "item-1", "starts", tmp_path) == b"+"


def test_a_worker_that_ended_is_not_started_again(host: WorkerHost, tmp_path: Path) -> None:
    host.start(order("count", "starts", "exit", "4"))
    ended(host)

    again = host.start(order("count", "starts", "exit", "4"))

    assert (again.life, again.code) == (Life.EXITED, 4)
    assert _collected(host, "item-1", "starts", tmp_path) == b"+"


@pytest.mark.parametrize("code", [0, 3])
def test_the_exit_code_is_seen(host: WorkerHost, code: int) -> None:
    host.start(order("exit", str(code)))

    assert ended(host).code == code
    assert host.poll("item-1").code == code


def test_a_killed_worker_is_seen_with_its_signal_and_a_reason(host: WorkerHost) -> None:
    host.start(order("kill-itself"))

    observed = ended(host)

    assert observed.code == -9
    assert observed.reason


def test_a_worker_finds_the_files_of_its_order(host: WorkerHost, tmp_path: Path) -> None:
    host.start(WorkerOrder("item-1", ("copy", "spec.md", "wait"), {"spec.md": b"\x00do it"}))
    ready(host, tmp_path)

    assert _collected(host, "item-1", "spec.md", tmp_path) == b"\x00do it"


def test_a_worker_gets_the_order_s_environment_and_none_of_the_host_s_secrets(
    host: WorkerHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "canary")
    host.start(WorkerOrder("item-1", ("environment", "seen", "wait"), {}, environment=(("COLOUR", "blue"),)))
    ready(host, tmp_path)

    seen = _collected(host, "item-1", "seen", tmp_path, limit=100_000) or b""

    assert b"COLOUR=blue" in seen.splitlines()
    assert b"canary" not in seen


def test_stopping_asks_first(host: WorkerHost, tmp_path: Path) -> None:
    host.start(order("wait"))
    ready(host, tmp_path)

    stopped = host.stop("item-1", _GRACE)

    assert (stopped.life, stopped.code) == (Life.EXITED, -15)


def test_stopping_ends_a_worker_that_does_not_listen(host: WorkerHost, tmp_path: Path) -> None:
    host.start(order("ignore-term", "wait"))
    ready(host, tmp_path)

    stopped = host.stop("item-1", 0.2)

    assert (stopped.life, stopped.code) == (Life.EXITED, -9)


def test_stopping_right_after_the_start_works(host: WorkerHost) -> None:
    host.start(order("wait"))

    assert host.stop("item-1", _GRACE).life is Life.EXITED


def test_stopping_twice_changes_nothing(host: WorkerHost, tmp_path: Path) -> None:
    host.start(order("wait"))
    ready(host, tmp_path)
    first = host.stop("item-1", _GRACE)

    assert host.stop("item-1", _GRACE) == first


def test_what_the_host_does_not_know_is_gone(host: WorkerHost) -> None:
    host.remove("item-9")

    assert host.poll("item-9").life is Life.GONE
    assert host.stop("item-9", 0).life is Life.GONE


def test_a_host_lists_the_workers_of_its_own_instance_running_and_ended(make_host: MakeHost) -> None:
    mine, others = make_host("test"), make_host("other")
    mine.start(order("wait", name="item-1"))
    mine.start(order("exit", "0", name="item-2"))
    others.start(order("wait", name="item-3"))
    ended(mine, "item-2")

    lives = {observed.name: observed.life for observed in mine.list_owned()}

    assert lives == {"item-1": Life.RUNNING, "item-2": Life.EXITED}
    assert mine.poll("item-3").life is Life.GONE
    others.stop("item-3", 0)


def test_stopping_a_worker_leaves_the_others_alone(host: WorkerHost) -> None:
    host.start(order("wait", name="item-1"))
    host.start(order("wait", name="item-10"))

    host.stop("item-1", 0)

    assert host.poll("item-10").life is Life.RUNNING


def test_another_host_of_the_instance_adopts_its_workers(make_host: MakeHost, tmp_path: Path) -> None:
    started = make_host("test").start(order("wait"))
    later = make_host("test")
    ready(later, tmp_path)

    assert list(later.list_owned()) == [started]
    assert later.start(order("wait")) == started
    assert later.stop("item-1", _GRACE).life is Life.EXITED


def test_a_result_is_collected_whole(host: WorkerHost, tmp_path: Path) -> None:
    host.start(order("write", "result.bundle", "x" * _LIMIT, "exit", "0"))
    ended(host)

    size = host.collect("item-1", "result.bundle", tmp_path / "bundle", _LIMIT)

    assert size == _LIMIT
    assert (tmp_path / "bundle").read_bytes() == b"x" * _LIMIT
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param((), id="missing"),
        pytest.param(("write", "result", "x" * (_LIMIT + 1)), id="too large"),
        pytest.param(("link", "result", "/etc/hostname"), id="a link"),
        pytest.param(("pipe", "result"), id="a pipe"),
        pytest.param(("folder", "result"), id="a folder"),
    ],
)
def test_what_is_no_result_is_refused(host: WorkerHost, tmp_path: Path, steps: tuple[str, ...]) -> None:
    host.start(order(*steps, "exit", "0"))
    ended(host)

    with pytest.raises(NoResult):
        host.collect("item-1", "result", tmp_path / "bundle", _LIMIT)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["../agent.log", "/etc/hostname", ".", "", "a/b"])
def test_a_result_s_name_leads_nowhere_else(host: WorkerHost, tmp_path: Path, file: str) -> None:
    host.start(order("exit", "0"))
    ended(host)

    with pytest.raises(NoResult):
        host.collect("item-1", file, tmp_path / "bundle", _LIMIT)


def test_nothing_is_collected_from_an_unknown_worker(host: WorkerHost, tmp_path: Path) -> None:
    with pytest.raises(NoResult):
        host.collect("item-9", "result", tmp_path / "bundle", _LIMIT)


def test_a_removed_worker_is_forgotten_and_its_name_free(host: WorkerHost, tmp_path: Path) -> None:
    host.start(order("write", "result", "old", "exit", "0"))
    ended(host)

    host.remove("item-1")

    assert host.poll("item-1").life is Life.GONE
    assert list(host.list_owned()) == []
    host.start(order("wait"))
    ready(host, tmp_path)
    assert _collected(host, "item-1", "result", tmp_path) is None


def test_a_running_worker_is_not_removed(host: WorkerHost) -> None:
    host.start(order("wait"))

    with pytest.raises(Conflict):
        host.remove("item-1")

    assert host.poll("item-1").life is Life.RUNNING

"""An engine that is not there: one sentence with the mend, from the host and from the doctor."""

import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import requests
from docker.errors import DockerException

from factory.clock import SystemClock
from factory.config import Settings
from factory.doctor import Level
from factory.errors import HostAway, HostUnavailable
from factory.integrations.docker_engine import Engine, _is_slow, _mend
from factory.integrations.docker_host import DockerHost, Made
from factory.wiring_docker import checks, described
from factory.worker_ports import WorkerOrder


def asked(call: Callable[[], object]) -> str:
    with pytest.raises(HostUnavailable) as refused:
        call()
    return str(refused.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda host: host.start(WorkerOrder("item-1", (), {})),
        lambda host: host.poll("item-1"),
        lambda host: host.stop("item-1", 1),
        lambda host: host.list_owned(),
        lambda host: host.collect("item-1", "result", Path("/nowhere"), 1),
        lambda host: host.remove("item-1"),
        lambda host: host.counts("item-1"),
        lambda host: host.ready(),
    ],
)
def test_every_call_says_where_nothing_listens_and_how_to_mend_it(tmp_path: Path, call: Callable[[DockerHost], object]) -> None:
    host = DockerHost(Engine(f"unix://{tmp_path}/docker.sock"), "test", Made("image"), SystemClock())

    assert asked(lambda: call(host)) == (
        f"The Docker engine at unix://{tmp_path}/docker.sock does not answer: nothing listens there; "
        "start it (systemctl start docker), or set docker_host to where it listens."
    )


def test_an_engine_that_ended_and_left_its_socket_is_told_alike(tmp_path: Path) -> None:
    place = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place))

    assert stat.S_ISSOCK(place.stat().st_mode)
    assert "nothing listens there" in asked(Engine(f"unix://{place}").about)


@pytest.mark.parametrize(
    ("error", "slow"),
    [
        (TimeoutError("timed out"), True),
        (requests.exceptions.ReadTimeout("read timed out"), True),
        (DockerException("Error while fetching server API version: Read timed out."), True),
        (ConnectionRefusedError(111, "Connection refused"), False),
        (requests.exceptions.ConnectionError("('Connection aborted.', RemoteDisconnected(...))"), False),
    ],
)
def test_one_that_hangs_may_make_what_it_was_asked_for_and_is_not_taken_for_one_that_is_not_there(error: Exception, slow: bool) -> None:
    assert _is_slow(error) is slow


def test_one_that_is_not_there_is_told_from_others(tmp_path: Path) -> None:
    with pytest.raises(HostAway):
        Engine(f"unix://{tmp_path}/docker.sock").about()


def test_an_engine_on_another_machine_is_refused_since_nothing_could_be_mounted() -> None:
    assert "set docker_host to a unix:// socket" in asked(Engine("tcp://10.0.0.1:2375").about)


def test_a_user_who_may_not_speak_with_it_is_told_the_group() -> None:
    # By its error: root, as whom these tests may run, may speak with every socket.
    assert "add it to the group docker" in _mend(PermissionError(13, "Permission denied"))


def test_the_doctor_looks_at_containers_only_where_they_are_wanted() -> None:
    assert checks(Settings()) == []


def test_the_doctor_names_engine_image_and_what_was_loosened_each_with_its_mend(tmp_path: Path) -> None:
    address = f"unix://{tmp_path}/docker.sock"
    found = {check.name: check.look() for check in checks(Settings(worker_host="docker", docker_host=address, docker_network="bridge"))}

    assert {name: verdict.level for name, verdict in found.items()} == {"docker": Level.FAIL, "image": Level.FAIL, "profile": Level.WARN}
    assert found["docker"].why == f"The Docker engine at {address} does not answer."
    assert "systemctl start docker" in found["docker"].mend
    assert "docker_network = bridge" in found["profile"].why


@pytest.mark.parametrize(("network", "level"), [("host", Level.WARN), ("egress", Level.OK), ("none", Level.OK)])
def test_containers_that_could_reach_no_model_are_told(network: Literal["host", "egress", "none"], level: Level) -> None:
    found = {check.name: check for check in checks(Settings(worker_host="docker", network=network))}

    assert found["profile"].look().level is level


WHOLE = {
    "ServerVersion": "27.1", "MemoryLimit": True, "SwapLimit": True, "PidsLimit": True, "SecurityOptions": ["name=seccomp,profile=default"],
    "LiveRestoreEnabled": True, "Runtimes": {"runc": {}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "runtime", "level", "told"),
    [
        ({}, "", Level.OK, "Docker 27.1 at unix:///d, workers are in containers"),
        ({}, "runsc", Level.FAIL, "has no runtime runsc"),
        ({"SwapLimit": False, "PidsLimit": False}, "", Level.WARN, "cannot limit swap, processes"),
        ({"SecurityOptions": ["name=apparmor"]}, "", Level.WARN, "cannot filter system calls"),
        ({"LiveRestoreEnabled": False}, "", Level.WARN, "they end when it is restarted"),
    ],
)
def test_what_an_engine_lacks_is_told_with_its_mend(changes: dict[str, object], runtime: str, level: Level, told: str) -> None:
    verdict = described("unix:///d", WHOLE | changes, runtime)

    assert verdict.level is level
    assert told in verdict.why
    assert bool(verdict.mend) is (level is not Level.OK)

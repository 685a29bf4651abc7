"""Containers without an engine: the request that is made of a profile, what is told as loosened, and the settings that it comes from."""

from pathlib import Path

import pytest

from factory.config import Settings, load
from factory.config_docker import size_in_bytes
from factory.errors import InvalidInput
from factory.integrations.docker_profile import Container, Profile, container_name, loosened, request
from factory.wiring_docker import profile_of

MADE = Container("a1b2c3d4e5", "0123456789-3", "sha256:1", ("run",), (Path("/m/one.git"), Path("/m/link"), Path("/m/link")))


def test_the_settings_defaults_are_the_usual_profile_which_is_not_loosened() -> None:
    assert profile_of(Settings()) == Profile()
    assert loosened(Profile()) == []


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("docker_network", "bridge", "docker_network = bridge"),
        ("docker_user", "0:0", "run as root"),
        ("docker_read_only", "false", "docker_read_only"),
        ("docker_capabilities", "SYS_PTRACE", "keep SYS_PTRACE"),
        ("docker_new_privileges", "true", "docker_new_privileges"),
        ("docker_mounts", "/opt/tools", "read /opt/tools"),
        ("docker_memory", "16g", "docker_memory is more than 4g"),
        ("docker_pids", "4096", "docker_pids is more than 512"),
    ],
)
def test_each_value_that_gives_something_up_is_told(tmp_path: Path, name: str, text: str, told: str) -> None:
    settings = load({"HOME": str(tmp_path)}, tmp_path, {name: text})

    assert told in "; ".join(loosened(profile_of(settings)))


@pytest.mark.parametrize("name", ["docker_memory", "docker_tmp", "docker_log", "docker_work"])
@pytest.mark.parametrize("text", ["lots", "4", "4 g", "-1g", "0m", "1.5g"])
def test_what_is_no_size_is_refused(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(InvalidInput, match=f"{name} should be a whole number with k, m or g"):
        load({"HOME": str(tmp_path)}, tmp_path, {name: text})


@pytest.mark.parametrize("path", ["tools", "../tools", "/opt/../etc", "/opt/tools:rw"])
def test_a_mount_that_is_more_than_a_place_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(InvalidInput, match="absolute paths"):
        load({"HOME": str(tmp_path)}, tmp_path, {"docker_mounts": path})


def test_sizes_are_in_bytes() -> None:
    assert [size_in_bytes(text) for text in ("", "2k", "3m", "4g")] == [0, 2 * 1024, 3 * 1024**2, 4 * 1024**3]


def test_what_the_order_names_is_mounted_once_and_read_only() -> None:
    mounts = request(MADE, Profile())["HostConfig"]["Mounts"]

    assert [(mount["Type"], mount["Target"]) for mount in mounts] == [("volume", "/worker"), ("bind", "/m/one.git"), ("bind", "/m/link")]
    assert all(mount["ReadOnly"] and mount["Source"] == mount["Target"] for mount in mounts[1:])


def test_a_size_of_the_work_folder_and_a_runtime_are_asked_for_where_they_are_set() -> None:
    usual, given = (request(MADE, profile)["HostConfig"] for profile in (Profile(), Profile(work=5, runtime="runsc")))

    assert "Runtime" not in usual
    assert "DriverConfig" not in usual["Mounts"][0]["VolumeOptions"]
    assert given["Runtime"] == "runsc"
    assert given["Mounts"][0]["VolumeOptions"]["DriverConfig"]["Options"] == {"size": "5"}


def test_the_inbox_lies_in_memory_for_its_user_alone() -> None:
    tmpfs = request(MADE, Profile(user="7:8"))["HostConfig"]["Tmpfs"]

    assert "mode=0700,uid=7,gid=8" in tmpfs["/worker/in"]
    assert "noexec" in tmpfs["/worker/in"]
    assert ",exec," in tmpfs["/tmp"]


def test_a_container_s_name_and_labels_say_whose_it_is() -> None:
    labels = request(MADE, Profile())["Labels"]
    verifying = request(Container("a1b2c3d4e5", "verify-0-0123456789-3", "i", (), ()), Profile())["Labels"]

    assert container_name(MADE.instance, MADE.worker) == "factory-a1b2c3d4-0123456789-3"
    assert labels == {
        "factory.instance": "a1b2c3d4e5", "factory.worker": "0123456789-3", "factory.item": "0123456789", "factory.epoch": "3",
    }  # fmt: skip
    assert (verifying["factory.item"], verifying["factory.epoch"]) == ("0123456789", "3")

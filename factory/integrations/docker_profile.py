"""What a worker's container may do and see, as the engine's API has it: values in, a request out, nothing is asked of anybody.

    /worker        the worker's folder, a volume of its own: work out home tmp
    /worker/in     its inputs, secrets among them, in memory: they are in no environment, no image, and on no disk
    /tmp /run      in memory; the rest is the image, read-only

A path of the machine is there only where the order names it, read-only and under its own name.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factory.domain.ids import parse_worker_id

FOLDER = "/worker"
INBOX = f"{FOLDER}/in"
INSTANCE, WORKER, ITEM, EPOCH = "factory.instance", "factory.worker", "factory.item", "factory.epoch"
"""Labels of a container. By the first a factory knows its own, whatever others have the same names."""

_INBOX_BYTES = 16 * 1024**2
_RUN_BYTES = 16 * 1024**2
_FIRST_TO_GO = 500
"""When the machine's memory runs out, a worker goes before the factory and its database."""
_NANO = 1_000_000_000
_SHOWN_OF_INSTANCE = 8
_PATH = "/opt/factory/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Profile:
    """Sizes in bytes. The defaults are what workers should have; whatever is looser is told by `loosened`.

    Attributes:
        network: a network of the engine; `none` leaves the link over its mounted socket.
        user: numbers of user and group, with a colon between.
        work: of the worker's folder; 0: whatever the engine's disk has. Only a disk with quotas can hold a container to it.
        capabilities: those that are not dropped.
        mounts: further paths of the machine, to be read at the same place.
        runtime: empty for the engine's own.
    """

    network: str = "none"
    user: str = "10001:10001"
    memory: int = 4 * 1024**3
    cpus: float = 2.0
    pids: int = 512
    files: int = 4096
    tmp: int = 512 * 1024**2
    work: int = 0
    log: int = 10 * 1024**2
    read_only: bool = True
    capabilities: tuple[str, ...] = ()
    new_privileges: bool = False
    mounts: tuple[Path, ...] = ()
    runtime: str = ""


USUAL = Profile()


@dataclass(frozen=True, slots=True)
class Container:
    """One worker to be made. `image` is the image's id: a name could be another image's by now."""

    instance: str
    worker: str
    image: str
    command: Sequence[str]
    readable: Iterable[Path]


def container_name(instance: str, worker: str) -> str:
    """Making it twice is an error of the engine, which is what makes creation idempotent."""
    return f"factory-{instance[:_SHOWN_OF_INSTANCE]}-{worker}"


def request(made: Container, profile: Profile) -> dict[str, Any]:
    """The body of `POST /containers/create`."""
    return {
        "Image": made.image,
        "Cmd": list(made.command),
        "Entrypoint": [],
        "User": profile.user,
        "WorkingDir": FOLDER,
        # Everybody who may look at containers reads this: what is secret comes through standard input.
        "Env": [f"PATH={_PATH}", "LANG=C.UTF-8", f"HOME={FOLDER}/home", f"TMPDIR={FOLDER}/tmp"],  # noqa: S108 - the worker's own
        "Labels": _labels(made),
        "OpenStdin": True,
        "StdinOnce": True,
        "Tty": False,
        # Where the image has a check of its own: nobody asks for its result, and it would cost a process each time.
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": _host_config(made, profile),
    }


def loosened(profile: Profile) -> list[str]:
    """What of the usual profile was given up, as sentences without a full stop."""
    told = [
        (profile.network != "none", f"docker_network = {profile.network}: containers reach more than the factory's link"),
        (profile.user.partition(":")[0] == "0", "docker_user: containers run as root"),
        (not profile.read_only, "docker_read_only = false: containers can change their own system"),
        (bool(profile.capabilities), f"docker_capabilities: containers keep {', '.join(profile.capabilities)}"),
        (profile.new_privileges, "docker_new_privileges = true: set-uid programs work in containers"),
        (bool(profile.mounts), f"docker_mounts: containers read {', '.join(map(str, profile.mounts))}"),
        (profile.memory > USUAL.memory, f"docker_memory is more than {USUAL.memory // 1024**3}g"),
        (profile.pids > USUAL.pids, f"docker_pids is more than {USUAL.pids}"),
    ]
    return [sentence for holds, sentence in told if holds]


def _labels(made: Container) -> dict[str, str]:
    labels = {INSTANCE: made.instance, WORKER: made.worker}
    # What verifies a result has the name of the worker whose result it is at its end.
    lease = parse_worker_id("-".join(made.worker.split("-")[-2:]))
    return labels | ({ITEM: lease[0], EPOCH: str(lease[1])} if lease else {})


def _host_config(made: Container, profile: Profile) -> dict[str, Any]:
    return {
        "NetworkMode": profile.network,
        "CapDrop": ["ALL"],
        "CapAdd": list(profile.capabilities),
        # Docker's own list of system calls stays on: it is what holds where nothing is said.
        "SecurityOpt": [] if profile.new_privileges else ["no-new-privileges"],
        "Privileged": False,
        "ReadonlyRootfs": profile.read_only,
        "Init": True,
        "IpcMode": "private",
        "Memory": profile.memory,
        "MemorySwap": profile.memory,
        "NanoCpus": round(profile.cpus * _NANO),
        "PidsLimit": profile.pids,
        "OomScoreAdj": _FIRST_TO_GO,
        "Ulimits": [_ulimit("nofile", profile.files), _ulimit("core", 0)],
        "Tmpfs": _in_memory(profile),
        "Mounts": [_volume(made, profile), *map(_bind, dict.fromkeys((*made.readable, *profile.mounts)))],
        # A worker that ended is looked at before it is removed, and never started again: its lease may be over.
        "AutoRemove": False,
        "RestartPolicy": {"Name": "no"},
        "LogConfig": {"Type": "local", "Config": {"max-size": str(profile.log // 2), "max-file": "2", "compress": "false"}},
        **({"Runtime": profile.runtime} if profile.runtime else {}),
    }


def _in_memory(profile: Profile) -> dict[str, str]:
    uid, _, gid = profile.user.partition(":")
    return {
        "/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={profile.tmp}",  # noqa: S108 - the container's own; builds run programs there
        "/run": f"rw,noexec,nosuid,nodev,mode=0755,size={_RUN_BYTES}",
        INBOX: f"rw,noexec,nosuid,nodev,mode=0700,uid={uid},gid={gid},size={_INBOX_BYTES}",
    }


def _volume(made: Container, profile: Profile) -> dict[str, Any]:
    """Without a name, so that it goes with its container, whoever removes that."""
    options: dict[str, Any] = {"Labels": {INSTANCE: made.instance, WORKER: made.worker}}
    if profile.work:
        options["DriverConfig"] = {"Name": "local", "Options": {"size": str(profile.work)}}
    return {"Type": "volume", "Target": FOLDER, "VolumeOptions": options}


def _bind(path: Path) -> dict[str, Any]:
    # A socket can be spoken to through a mount that is read-only: nothing is written into its folder.
    return {
        "Type": "bind", "Source": str(path), "Target": str(path), "ReadOnly": True, "BindOptions": {"Propagation": "rprivate"},
    }  # fmt: skip


def _ulimit(name: str, value: int) -> dict[str, Any]:
    return {"Name": name, "Soft": value, "Hard": value}

"""The settings of workers in containers. Their defaults keep a worker from its machine; `doctor` tells which are loosened."""

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_SIZE = re.compile(r"([1-9][0-9]{0,9})([kmg])")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_BYTES = {"k": 1024, "m": 1024**2, "g": 1024**3}


def size_in_bytes(text: str) -> int:
    """Of a text as these settings take it: a whole number with k, m or g, 1024 of each in the next. 0 for the empty text."""
    match = _SIZE.fullmatch(text)
    return int(match[1]) * _BYTES[match[2]] if match else 0


def _size(value: str) -> str:
    if value and not _SIZE.fullmatch(value):
        raise ValueError('should be a whole number with k, m or g, as in "512m" or "4g"')
    return value


def _needed_size(value: str) -> str:
    if not value:
        raise ValueError('should be a size, as in "512m" or "4g"')
    return _size(value)


def _place(value: str) -> str:
    # A colon would separate the path from options; workers are given no path that they could write to.
    if not PurePosixPath(value).is_absolute() or ".." in PurePosixPath(value).parts or ":" in value:
        raise ValueError(f"should name files and folders by absolute paths, not {value[:80]!r}")
    return value


def check_reference(value: str) -> str:
    """An image's name as it is; whether there is one of that name, only an engine knows.

    Raises:
        ValueError: what comes behind its `@` is no digest.
    """
    name, at, digest = value.partition("@")
    if at and not (name and _DIGEST.fullmatch(digest)):
        raise ValueError(f"should have sha256: and 64 digits of 0-9a-f behind its @, as in NAME:TAG@sha256:..., not {digest[:80]!r}")
    return value


Size = Annotated[str, AfterValidator(_needed_size)]


OptionalSize = Annotated[str, AfterValidator(_size)]


class DockerSettings(BaseModel):
    """What can be set of workers in containers."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)

    worker_host: Literal["process", "docker"] = "process"
    """What workers are: processes of this machine, kept from it as `isolation` says, or containers of its Docker engine."""
    docker_host: str = ""
    """Where the engine listens, as in `unix:///run/docker.sock`; empty: at the usual places of this machine."""
    docker_image: Annotated[str, AfterValidator(check_reference)] = ""
    """The workers' image; empty: the one that `factory image build` makes."""
    docker_base: Annotated[str, AfterValidator(check_reference)] = ""
    """What `factory image build` builds on; as `NAME:TAG@sha256:...` it is the same each time. Empty: the Dockerfile's own, by its tag."""
    docker_network: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")] = "none"
    """The containers' network: none, bridge, host, or the name of one that you made. With none they reach the factory's link only."""
    docker_user: Annotated[str, Field(pattern=r"^[0-9]{1,10}:[0-9]{1,10}$")] = "10001:10001"
    """The containers' user and group, as numbers."""
    docker_memory: Size = "4g"
    """Memory of one container. It gets no swap beside it."""
    docker_cpus: Annotated[float, Field(gt=0, le=1024, allow_inf_nan=False)] = 2.0
    """Processors of one container."""
    docker_pids: Annotated[int, Field(ge=16, le=1_000_000)] = 512
    """Processes and threads of one container."""
    docker_files: Annotated[int, Field(ge=64, le=1_048_576)] = 4096
    """Open files of one process in a container."""
    docker_tmp: Size = "512m"
    """Of `/tmp` in a container, which lies in its memory."""
    docker_work: OptionalSize = ""
    """What one container may write on disk, as in `20g`; needs an engine whose disk has quotas (XFS with pquota). Empty: what there is."""
    docker_log: Size = "10m"
    """What is kept of what a container prints."""
    docker_read_only: bool = True
    """Whether a container's own system is read-only; it can always write in its work folder and in `/tmp`."""
    docker_capabilities: tuple[Annotated[str, Field(pattern=r"^[A-Z_]{3,40}$")], ...] = ()
    """Capabilities that containers keep, as in `["NET_BIND_SERVICE"]`; all others are dropped."""
    docker_new_privileges: bool = False
    """Whether set-uid programs in a container may give their caller more rights."""
    docker_mounts: tuple[Annotated[str, AfterValidator(_place)], ...] = ()
    """Further files and folders of this machine that containers may read, at the same paths."""
    docker_runtime: str = ""
    """The runtime that isolates containers, as in `runsc`; empty: the engine's own."""

"""The part of the composition root that is about containers. The engine's SDK is loaded where a container is wanted, and nowhere else."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factory.config import Settings
from factory.config_docker import check_reference, size_in_bytes
from factory.doctor import Check, Verdict, fail, ok, warn
from factory.errors import HostUnavailable, InvalidInput
from factory.integrations import claude_code
from factory.integrations.docker_profile import Profile, loosened
from factory.integrations.worker_image import Parts, agent_digest, usual_base, write_context
from factory.ports import Clock
from factory.version import VERSION

if TYPE_CHECKING:
    from factory.integrations.docker_engine import Engine, Image
    from factory.integrations.docker_host import DockerHost

_REPOSITORY = "factory-worker"
_AGENT, _VERSION = "factory.agent", "org.opencontainers.image.version"
"""Labels of an image: of which agent it is."""
_BUILD = "factory image build"
_LIMITS = (("memory", "MemoryLimit"), ("swap", "SwapLimit"), ("processes", "PidsLimit"))
"""What an engine says of its kernel."""
_IN_MEMORY_BYTES = 32 * 1024 * 1024


def image_name(settings: Settings) -> str:
    return settings.docker_image or f"{_REPOSITORY}:{VERSION}"


def profile_of(settings: Settings) -> Profile:
    return Profile(
        network=settings.docker_network,
        user=settings.docker_user,
        memory=size_in_bytes(settings.docker_memory),
        cpus=settings.docker_cpus,
        pids=settings.docker_pids,
        files=settings.docker_files,
        tmp=size_in_bytes(settings.docker_tmp),
        work=size_in_bytes(settings.docker_work),
        log=size_in_bytes(settings.docker_log),
        read_only=settings.docker_read_only,
        capabilities=settings.docker_capabilities,
        new_privileges=settings.docker_new_privileges,
        mounts=tuple(map(Path, settings.docker_mounts)),
        runtime=settings.docker_runtime,
    )


def docker_host(settings: Settings, instance: str, clock: Clock) -> "DockerHost":
    from factory.integrations.docker_host import DockerHost, Made  # noqa: PLC0415 - see above

    mend = "pull or build it" if settings.docker_image else f"make it with `{_BUILD}`"
    return DockerHost(_engine(settings), instance, Made(image_name(settings), profile_of(settings), mend=mend), clock)


def _engine(settings: Settings) -> "Engine":
    from factory.integrations.docker_engine import Engine  # noqa: PLC0415 - see above

    return Engine(settings.docker_host)


def build_image(settings: Settings, base: str, platform: str, *, offline: bool, with_claude: bool) -> Iterator[str]:
    """Builds the workers' image and yields what the engine says meanwhile; the last line names it, the one before tells of its base.

    Args:
        base: empty for the one that is set, or the Dockerfile's own.
        offline: nothing is fetched, so the base must have git, and this Python.

    Raises:
        InvalidInput: a part is not installed here, or a name is none that can be built or built on.
        HostUnavailable: the engine does not answer, or a step failed.
    """
    parts = _offline_parts(with_claude=with_claude) if offline else Parts(with_claude=with_claude)
    base, name, engine = _base(settings, base), _to_build(settings), _engine(settings)
    options: dict[str, Any] = {
        "buildargs": {"BASE": base},
        "labels": {_AGENT: agent_digest(), _VERSION: VERSION},
        "network_mode": "none" if offline else "default",
        **({"platform": platform} if platform else {}),
    }
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as context:
        write_context(context, parts)
        context.seek(0)
        yield from engine.build(context, name, options)
    yield base_told(base, engine.image(base))
    yield name


def _base(settings: Settings, base: str) -> str:
    try:
        return check_reference(base) or settings.docker_base or usual_base()
    except ValueError as error:
        raise InvalidInput(f"--base: {base[:120]!r} {error}.") from error


def _to_build(settings: Settings) -> str:
    name = image_name(settings)
    if "@" in name:
        raise InvalidInput(f"docker_image = {name} is one image for ever, which cannot be built: pull it, or name it without its digest.")
    return name


def base_told(base: str, image: "Image | None") -> str:
    """Which image a name stood for when it was built on: a tag may be given to another one tomorrow."""
    if "@" in base:
        return f"Built on {base}."
    if image is None:
        return f"Built on {base}, which the engine has not kept."
    if not image.digests:
        return f"Built on {base}, which is the image {image.id} of this engine; it has no digest, since it came from no registry."
    # The engine may know it from several registries.
    told = next((known for known in image.digests if base.startswith(known.partition("@")[0])), image.digests[0])
    return f'Built on {base}, which is {told}; docker_base = "{told}" builds on the same one again.'


def _offline_parts(*, with_claude: bool) -> Parts:
    found = claude_code.find(os.environ) if with_claude else None
    if with_claude and found is None:
        raise InvalidInput("Claude Code is not installed here, so an image without fetching it has none: say --no-claude, or install it.")
    return Parts(from_here=True, claude=found.binary if found else None, with_claude=with_claude)


# -- doctor -----------------------------------------------------------------------------------------------------------


def checks(settings: Settings) -> list[Check]:
    """What keeps workers from being containers here. Nothing where they shall be processes."""
    if settings.worker_host != "docker":
        return []
    return [
        Check("isolation", "docker", lambda: _answers(settings)),
        Check("isolation", "image", lambda: _image(settings)),
        Check("isolation", "profile", lambda: _profile(profile_of(settings), settings.network)),
    ]


def _answers(settings: Settings) -> Verdict:
    engine = _engine(settings)
    try:
        about = engine.about()
    except HostUnavailable as error:
        return _failed(error)
    return described(engine.address, about, settings.docker_runtime)


def described(address: str, about: Mapping[str, Any], runtime: str = "") -> Verdict:
    """What the engine says of itself, judged. `runtime`: the one that containers shall have; empty: the engine's own."""
    if runtime and runtime not in about.get("Runtimes", {}):
        return fail(f"Docker at {address} has no runtime {runtime}.", "register it in /etc/docker/daemon.json, or take docker_runtime away")
    told = f"Docker {about.get('ServerVersion')} at {address}, workers are in containers"
    lacking = [what for what, there in _LIMITS if not about.get(there)]
    if lacking:
        return warn(f"{told}; its kernel cannot limit {', '.join(lacking)}.", "switch these cgroup controllers on (kernel command line)")
    if not any("seccomp" in str(option) for option in about.get("SecurityOptions") or ()):
        return warn(f"{told}; its kernel cannot filter system calls.", "use a kernel with seccomp")
    if not about.get("LiveRestoreEnabled"):
        return warn(f"{told}; they end when it is restarted.", 'put "live-restore": true into /etc/docker/daemon.json')
    return ok(told)


def _image(settings: Settings) -> Verdict:
    name = image_name(settings)
    try:
        image = _engine(settings).image(name)
    except HostUnavailable as error:
        return _failed(error)
    if image is None:
        return fail(f"The engine has no image {name}.", f"docker pull {name}" if settings.docker_image else _BUILD)
    return _of_this_version(name, image)


def _of_this_version(name: str, image: "Image") -> Verdict:
    version, agent = image.labels.get(_VERSION, "an unknown version"), image.labels.get(_AGENT)
    if agent == agent_digest():
        return ok(f"{name}, of this version")
    return warn(f"{name} has the agent of {version}, which is not the one installed here.", _BUILD)


def _profile(profile: Profile, network: str) -> Verdict:
    given_up = loosened(profile)
    if profile.network == "none" and network == "host":
        # What `network` means for processes; a container has its own.
        return warn("Containers have no network and no way out, so an agent in one reaches no model.", 'network = "egress" in factory.toml')
    if given_up:
        return warn(f"Containers are less confined than they could be: {'; '.join(given_up)}.", "remove these settings")
    work = "" if profile.work else "; on disk they may fill what there is (docker_work)"
    return ok(f"{profile.memory // 1024**2} MB, {profile.cpus:g} processors, {profile.pids} processes each, no network{work}")


def _failed(error: HostUnavailable) -> Verdict:
    why, _, mend = str(error).partition(": ")
    return fail(f"{why}.", mend.rstrip("."))

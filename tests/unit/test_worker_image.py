"""What the engine is sent to build the workers' image of."""

import re
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from factory.config import Settings
from factory.errors import InvalidInput
from factory.integrations.docker_engine import Image
from factory.integrations.worker_image import Parts, agent_digest, usual_base, write_context
from factory.wiring_docker import base_told, build_image
from tests.architecture.sources import ROOT


def context(parts: Parts) -> tuple[bytes, dict[str, tarfile.TarInfo]]:
    written = BytesIO()
    write_context(written, parts)
    written.seek(0)
    with tarfile.open(fileobj=written) as tar:
        return written.getvalue(), {member.name: member for member in tar}


def test_it_holds_the_agent_and_the_names_of_what_is_to_be_fetched() -> None:
    _, members = context(Parts())

    assert {"Dockerfile", "agent/worker_agent/__main__.py", "agent/factory/transport/agent_link.py", "claude/requirements.lock"} <= set(
        members
    )
    assert "packages/requirements.lock" in members
    assert not [name for name in members if re.search(r"\.pyc|storage|integrations|\.env|(^|/)\.git", name)]


def test_it_is_the_same_each_time_so_that_nothing_is_built_twice() -> None:
    first, members = context(Parts())
    second, _ = context(Parts())

    assert first == second
    assert {(member.mtime, member.uid, member.uname) for member in members.values()} == {(0, 0, "")}


def test_offline_it_holds_packages_and_program_instead_of_their_names(tmp_path: Path) -> None:
    program = tmp_path / "claude"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)

    _, members = context(Parts(from_here=True, claude=program))

    assert {"packages/msgspec/__init__.py", "packages/zmq/__init__.py", "claude/claude"} <= set(members)
    assert members["claude/claude"].mode == 0o755
    assert not [name for name in members if name.endswith("requirements.lock")]


def test_without_claude_code_its_folder_is_empty() -> None:
    _, members = context(Parts(with_claude=False))

    assert [name for name in members if name.startswith("claude/")] == ["claude/.keep"]


def test_the_worker_s_packages_are_those_of_the_project_s_own_lock() -> None:
    own, worker = ((ROOT / name).read_text() for name in ("requirements.lock", "requirements-worker.lock"))
    pinned = re.compile(r"^((?:msgspec|pyzmq)==\S+)", re.MULTILINE)

    assert pinned.findall(worker) == pinned.findall(own)
    assert len(pinned.findall(worker)) == 2


def test_the_digest_says_which_agent_it_is() -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", agent_digest())
    assert agent_digest() == agent_digest()


DIGEST = "sha256:" + "1a" * 32


@pytest.mark.parametrize(
    ("base", "image", "told"),
    [
        (
            "python:3.13",
            Image("sha256:9", {}, (f"mirror.test/python@{DIGEST}", f"python@{DIGEST}")),
            f'Built on python:3.13, which is python@{DIGEST}; docker_base = "python@{DIGEST}" builds on the same one again.',
        ),
        ("mine:1", Image("sha256:9", {}), "Built on mine:1, which is the image sha256:9 of this engine; it has no digest"),
        (f"python@{DIGEST}", Image("sha256:9", {}, (f"python@{DIGEST}",)), f"Built on python@{DIGEST}."),
        ("python:3.13", None, "Built on python:3.13, which the engine has not kept."),
    ],
)
def test_it_is_said_which_image_the_name_of_the_base_stood_for(base: str, image: Image | None, told: str) -> None:
    assert base_told(base, image).startswith(told)


@pytest.mark.parametrize("base", ["python@3.13", "python@sha256:12", f"@{DIGEST}", f"python@{DIGEST}0", f"python@{DIGEST}@{DIGEST}"])
def test_a_base_with_a_digest_that_is_none_is_refused_before_any_engine_is_asked(base: str) -> None:
    nowhere = Settings(docker_host="unix:///nonexistent/docker.sock")

    with pytest.raises(InvalidInput, match=r"--base: .* should have sha256: and 64 digits"):
        list(build_image(nowhere, base, "", offline=True, with_claude=False))
    with pytest.raises(ValueError, match="should have sha256: and 64 digits"):
        Settings(docker_base=base)


def test_an_image_that_is_named_by_its_digest_is_not_built() -> None:
    named = Settings(docker_host="unix:///nonexistent/docker.sock", docker_image=f"mine@{DIGEST}")

    with pytest.raises(InvalidInput, match="is one image for ever, which cannot be built: pull it"):
        list(build_image(named, "", "", offline=True, with_claude=False))


def test_the_usual_base_is_the_one_that_the_dockerfile_names() -> None:
    assert usual_base() == "python:3.13-slim-bookworm"

"""What the engine is sent to build the workers' image of."""

import re
import tarfile
from io import BytesIO
from pathlib import Path

from factory.integrations.worker_image import Parts, agent_digest, write_context
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

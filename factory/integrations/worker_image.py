"""What the workers' image is built of: a tar for the engine, from what is installed here and nothing else of this machine.

    Dockerfile    worker_agent/Dockerfile
    agent/        the worker agent, and what it uses of the factory
    packages/     what those import: by hashed name, or taken from this installation where no index shall be asked
    claude/       Claude Code, in the same two ways, or nothing

Times and owners are left out, so the engine finds again what it has built before.
"""

import hashlib
import re
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import IO

from factory.errors import InvalidInput

_AGENT_USES = ("factory/__init__.py", "factory/errors.py", "factory/domain", "factory/protocol", "factory/transport")
_PACKAGES_LOCK, _CLAUDE_LOCK = "requirements-worker.lock", "requirements-claude.lock"
_DOCKERFILE = "worker_agent/Dockerfile"
_BASE = re.compile(r"^ARG BASE=(\S+)$", re.MULTILINE)
_NAMED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==", re.MULTILINE)
_EXECUTABLE, _PLAIN = 0o755, 0o644
_DIGEST_LETTERS = 16


@dataclass(frozen=True, slots=True)
class Parts:
    """What goes in beside the agent.

    Attributes:
        from_here: packages are taken from this installation, whose Python and architecture the base must have then.
        claude: Claude Code's program, for images that shall not fetch it; None: it is fetched, by its hash.
        with_claude: False leaves it out, for factories whose engine is another one.
    """

    from_here: bool = False
    claude: Path | None = None
    with_claude: bool = True


def write_context(target: IO[bytes], parts: Parts) -> None:
    """Raises `InvalidInput` where this installation lacks a part."""
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, path in sorted(_files(parts)):
            with path.open("rb") as content:
                tar.addfile(_entry(name, path), content)
        for folder in ("claude", "packages"):
            # What may be empty must be there all the same, to be copied.
            tar.addfile(_marker(f"{folder}/.keep"), BytesIO())


def usual_base() -> str:
    """What the Dockerfile builds on where it is told nothing else."""
    return str(_BASE.findall(_shipped(_DOCKERFILE).read_text("utf-8"))[0])


def agent_digest() -> str:
    """Of the agent that an image built here has: two images with the same one behave the same."""
    digest = hashlib.sha256()
    for name, path in sorted([*_agent(), ("Dockerfile", _shipped(_DOCKERFILE)), ("packages", _shipped(_PACKAGES_LOCK))]):
        digest.update(f"{name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:_DIGEST_LETTERS]


def _files(parts: Parts) -> Iterator[tuple[str, Path]]:
    yield "Dockerfile", _shipped(_DOCKERFILE)
    yield from _agent()
    if parts.from_here:
        yield from _installed()
    else:
        yield "packages/requirements.lock", _shipped(_PACKAGES_LOCK)
    if parts.claude is not None:
        yield "claude/claude", parts.claude.resolve()
    elif parts.with_claude:
        yield "claude/requirements.lock", _shipped(_CLAUDE_LOCK)


def _agent() -> list[tuple[str, Path]]:
    home = _home()
    roots = [home / "worker_agent", *(home / name for name in _AGENT_USES)]
    files = [path for root in roots for path in ([root] if root.is_file() else root.rglob("*"))]
    wanted = [path for path in files if path.is_file() and path.suffix in {".py", ".md"} and "__pycache__" not in path.parts]
    return [(f"agent/{path.relative_to(home).as_posix()}", path) for path in wanted]


def _installed() -> Iterator[tuple[str, Path]]:
    for name in _NAMED.findall(_shipped(_PACKAGES_LOCK).read_text("utf-8")):
        try:
            files = metadata.distribution(name).files or ()
        except metadata.PackageNotFoundError:
            # The lock also names what only other interpreters need.
            continue
        for file in files:
            path = Path(str(file.locate()))
            if ".." not in file.parts and path.suffix != ".pyc" and path.is_file():
                yield f"packages/{file.as_posix()}", path


def _shipped(name: str) -> Path:
    """A file of the project: beside the packages in a checkout, inside worker_agent where it was installed."""
    home = _home()
    found = next((path for path in (home / name, home / "worker_agent" / name) if path.is_file()), None)
    if found is None:
        raise InvalidInput(f"This installation of the factory has no {name}: install it again.")
    return found


def _home() -> Path:
    spec = find_spec("worker_agent")
    if spec is None or spec.origin is None:
        raise InvalidInput("This installation of the factory has no worker agent: install it again.")
    return Path(spec.origin).parent.parent


def _entry(name: str, path: Path) -> tarfile.TarInfo:
    status = path.stat()
    entry = _marker(name)
    entry.size = status.st_size
    entry.mode = _EXECUTABLE if status.st_mode & stat.S_IXUSR else _PLAIN
    return entry


def _marker(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.mode = _PLAIN
    return entry

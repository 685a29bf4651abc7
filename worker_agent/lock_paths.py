"""Which locks an edit needs: from the event of a hook to files of the repository, or the reason why not."""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

FILE_TOOLS = ("Write", "Edit", "MultiEdit", "NotebookEdit")
"""The tools that name the file that they change."""


class FileInput(msgspec.Struct, frozen=True):
    """What a tool is called with. The text to be written is not read."""

    file_path: str = ""
    notebook_path: str = ""


class ToolEvent(msgspec.Struct, frozen=True):
    """What Claude Code tells a PreToolUse hook. The agent wrote `tool_input`, so nothing in it is trusted."""

    hook_event_name: str
    tool_name: str
    cwd: str
    tool_input: FileInput = FileInput()


class NoSuchEdit(Exception):
    """An edit that no lock allows; the sentence is for the agent."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where an agent may write.

    Attributes:
        free: files and folders that nobody else has: the worker's own, and in the clone the spec and the notes. Locking those would
            make every worker of a repository wait for every other.
    """

    repo: Path
    free: tuple[Path, ...]


def read_event(data: bytes) -> ToolEvent:
    """Raises `NoSuchEdit`."""
    try:
        return msgspec.json.decode(data, type=ToolEvent)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoSuchEdit(f"the event cannot be understood ({error})") from error


def files_to_lock(event: ToolEvent, ground: Ground) -> tuple[str, ...]:
    """Paths relative to the repository, none where nobody else could be in the way. Raises `NoSuchEdit`."""
    if event.hook_event_name != "PreToolUse" or event.tool_name not in FILE_TOOLS:
        raise NoSuchEdit(f"{event.tool_name[:40]!r} is no tool that is known to edit one file")
    named = event.tool_input.file_path or event.tool_input.notebook_path
    if not named or "\0" in named:
        raise NoSuchEdit("the tool names no file")
    try:
        return _locks(Path(event.cwd, named).absolute(), ground)
    except (OSError, ValueError) as error:
        raise NoSuchEdit(f"{named[:200]!r} cannot be looked at ({error})") from error


def _locks(path: Path, ground: Ground) -> tuple[str, ...]:
    # A link is two places: the edit may go through it to where it leads, or replace the link itself. Both must be free.
    places = {_real(path.parent) / path.name if path.name != ".." else _real(path), _real(path)}
    found = {name for place in places if (name := _name(place, ground)) is not None}
    return tuple(sorted(found))


def _name(place: Path, ground: Ground) -> str | None:
    """Inside the repository, or None where no lock is needed."""
    if any(place.is_relative_to(_real(free)) for free in ground.free):
        return None
    repo = _real(ground.repo)
    if place == repo or not place.is_relative_to(repo):
        raise NoSuchEdit(f"{place} is outside the repository; put what is only for yourself below $TMPDIR")
    relative = place.relative_to(repo)
    if relative.parts[0].casefold() == ".git":
        raise NoSuchEdit(f"{relative} is git's own")
    return relative.as_posix()


def _real(path: Path) -> Path:
    # Not Path.resolve, which takes a loop of links for an error of its own kind in some versions of Python.
    return Path(os.path.realpath(path))

"""What a process must be able to read to run the worker agent: found by asking its interpreter."""

import json
import os
import subprocess
from functools import cache
from pathlib import Path

from factory.errors import HostUnavailable

_ASK_SECONDS = 30
"""An interpreter answers in tens of milliseconds; this bounds a network drive that hangs."""
_PACKAGES = ("factory", "worker_agent")

# The places of our packages are asked for apart: an editable install has a whole checkout on its path, with the user's
# settings and keys in it, of which a worker gets the two packages and nothing else.
_QUESTION = f"""
import json, sys
from importlib.util import find_spec
specs = [find_spec(name) for name in {_PACKAGES!r}]
packages = [place for spec in specs if spec for place in spec.submodule_search_locations or ()]
print(json.dumps({{"prefixes": [sys.prefix, sys.base_prefix], "path": sys.path, "packages": packages}}))
"""


@cache
def readable_for(python: Path) -> tuple[Path, ...]:
    """Folders and files, each only once, outer ones before those in them.

    Raises:
        HostUnavailable: the interpreter does not run.
    """
    try:
        result = subprocess.run(
            (python, "-I", "-c", _QUESTION), capture_output=True, check=True, timeout=_ASK_SECONDS, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise HostUnavailable(f"The workers' interpreter {python} does not run: {error}.") from error
    answer: dict[str, list[str]] = json.loads(result.stdout)
    packages = [Path(place) for place in answer["packages"]]
    prefixes = [Path(place) for place in answer["prefixes"]]
    others = [Path(entry) for entry in answer["path"] if not _holds(Path(entry), packages, prefixes)]
    found = {*prefixes, *(prefix.resolve() for prefix in prefixes), *_folders_of_links(python), *packages, *others}
    return tuple(sorted(path for path in found if path.exists()))


def _holds(entry: Path, packages: list[Path], prefixes: list[Path]) -> bool:
    """Whether the entry is covered already: by a prefix, or because our packages are all that is wanted of it."""
    return any(entry.is_relative_to(prefix) for prefix in prefixes) or entry in {path.parent for path in packages}


def _folders_of_links(python: Path) -> set[Path]:
    """Each hop of a virtual environment's interpreter, which may lead through folders that no prefix names."""
    folders = {python.parent}
    path = python
    while path.is_symlink():
        path = Path(os.path.normpath(path.parent / path.readlink()))
        folders.add(path.parent)
    return folders

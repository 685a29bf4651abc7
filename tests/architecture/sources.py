"""The project's own files, as the tests of this folder look at them."""

import ast
import gc
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("factory", "actors", "tui", "worker_agent", "migrations")
_GIT_TIMEOUT_SECONDS = 30


@cache
def modules(*folders: str) -> tuple[Path, ...]:
    """All Python files below the folders, relative to the root."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return tuple(sorted(path.relative_to(ROOT) for path in found))


def tree(module: Path) -> ast.Module:
    return _trees()[module]


@cache
def _trees() -> Mapping[Path, ast.Module]:
    """Of all modules, parsed once and without collections: these would look at millions of nodes again and again, none of them garbage."""
    gc.collect()
    gc.disable()
    try:
        return {module: ast.parse((ROOT / module).read_text(encoding="utf-8"), str(module)) for module in modules(*PACKAGES, "tests")}
    finally:
        gc.freeze()
        gc.enable()


def calls(module: Path) -> Iterator[tuple[ast.Call, str]]:
    """Every call with the dotted name that is called, as it is written."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def imported(module: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each import, with the names taken from a module appended to it."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def committed_files() -> list[Path]:
    """What git tracks or would track: everything that is not ignored."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=_GIT_TIMEOUT_SECONDS,
    )
    paths = (ROOT / name.decode() for name in listing.stdout.split(b"\0") if name)
    return sorted({path for path in paths if path.is_file()})

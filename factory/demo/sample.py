"""The demo's own world: a bare remote, a sample project in it, six specs, and how its agent is called."""

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

_GIT_SECONDS = 60
_SUFFIX = ".txt"
"""The project's files carry it here, so that nobody takes them for modules of this package."""

PYTHON = str(Path(sys.executable).resolve())
"""The interpreter itself and not a virtual environment's link to it: agent and tests need nothing of that environment."""


@dataclass(frozen=True, slots=True)
class DemoSpec:
    """One of the six. `priority` is a word of the command line."""

    file: Path
    priority: str


def make_remote(folder: Path) -> Path:
    """A bare repository with the sample project as its first commit."""
    remote, work = folder / "remote.git", folder / "sample"
    _git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    _git(folder, "init", "--quiet", "--initial-branch=main", str(work))
    _write(files("factory.demo") / "project", work)
    gates = work / ".factory.toml"
    (work / "factory.toml").replace(gates)
    # The interpreter behind the workers runs the tests too: no other is certain to be there.
    gates.write_text(gates.read_text("utf-8").replace("PYTHON", shlex.quote(PYTHON)), "utf-8")
    _git(work, "add", "--all")
    _git(work, "commit", "--quiet", "-m", "A small sample project")
    _git(work, "push", "--quiet", str(remote), "main")
    _git(work, "remote", "add", "origin", str(remote))
    return remote


def write_specs(folder: Path) -> list[DemoSpec]:
    """The six specs, most urgent first; their names hold their priority: `<number>-<priority>-<subject>.md`."""
    target = folder / "specs"
    target.mkdir()
    specs = []
    for entry in sorted((files("factory.demo") / "specs").iterdir(), key=lambda each: each.name):
        file = target / entry.name
        file.write_bytes(entry.read_bytes())
        specs.append(DemoSpec(file, entry.name.split("-")[1]))
    return specs


def engine() -> str:
    """The demo agent as an engine of the command line. It stays where it is installed, where workers can read it."""
    agent = files("factory.demo") / "demo_agent.py"
    return f"command:{shlex.join([PYTHON, str(agent)])}"


def heads(remote: Path) -> dict[str, str]:
    """Branch → commit, as the remote has them."""
    listing = _git(remote, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
    return dict(line.split(" ", 1) for line in listing.splitlines())


def _write(source: Traversable, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for entry in source.iterdir():
        if entry.is_dir():
            _write(entry, target / entry.name)
        elif entry.name.endswith(_SUFFIX):
            (target / entry.name.removesuffix(_SUFFIX)).write_bytes(entry.read_bytes())


def _git(folder: Path, *arguments: str) -> str:
    # The user's own configuration may sign commits, run hooks, or name another first branch.
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    who = {f"GIT_{role}_{field}": value for role in ("AUTHOR", "COMMITTER") for field, value in _WHO.items()}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**kept, **quiet, **who},
        capture_output=True,
        text=True,
        check=True,
        timeout=_GIT_SECONDS,
    )
    return done.stdout


_WHO = {"NAME": "Factory Demo", "EMAIL": "demo@example.org"}

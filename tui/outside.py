"""What the terminal does outside itself: a browser, a shell beside a worker, a file. Its decisions are pure; the rest is the system's."""

import os
import subprocess
import sys
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Entry:
    """A command for a shell, and the folder in which it starts."""

    command: tuple[str, ...]
    folder: Path | None = None


def is_page(address: str) -> bool:
    """Whether it is safe to hand an address from outside to a browser: a web page and nothing else that a program may be called for."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and address.isprintable() and " " not in address


def has_browser() -> bool:
    """Whether there is one with a window of its own; one that runs in this terminal would write over us."""
    if os.environ.get("BROWSER"):
        return True
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def browse(address: str) -> None:
    _ = webbrowser.open(address)


def entry(worker: Mapping[str, Any] | None, folder: Path | None) -> Entry | str:
    """How to get beside a worker, or one sentence that says why not.

    Args:
        worker: its row.
        folder: of the workers' folders, where the factory is on this machine.
    """
    if worker is None:
        return "Nothing works on it: there is nothing to open a shell in."
    name, isolation = str(worker.get("id") or ""), str(worker.get("isolation") or "")
    container = str(worker.get("container_id") or "")
    if isolation == "container":
        into = f"docker exec -it {container[:12]} sh"
        return Entry(("docker", "exec", "-it", container, "sh")) if container and folder else f"{name} is on another machine; there: {into}"
    if isolation != "unconfined":
        return f"{name} is {isolation or 'shut off'}: nobody else gets into its folder. Its log is on l, its changes are on D."
    if folder is None:
        return f"{name} works on another machine: open a shell there."
    inside = folder / name / "work"
    if Path(name).name != name or not os.access(inside, os.R_OK | os.X_OK):
        return f"The folder of {name} cannot be entered by this user: {inside}"
    return Entry((os.environ.get("SHELL") or "/bin/sh",), inside)


def enter(where: Entry, meanwhile: Callable[[], None]) -> None:
    """Runs the shell until it ends; what the factory tells in the meantime is taken, so that it does not pile up."""
    with subprocess.Popen(where.command, cwd=where.folder) as shell:
        while True:
            try:
                _ = shell.wait(_LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                meanwhile()
            else:
                return


def save(folder: Path, name: str, text: str) -> Path:
    """Writes a new file that nobody else can read, since titles and reasons may be private.

    Raises:
        OSError: it cannot be written.
    """
    for number in range(1_000):
        file = folder / (f"{name}-{number}.txt" if number else f"{name}.txt")
        try:
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            _ = opened.write(text + "\n")
        return file
    raise FileExistsError(f"{folder} holds a thousand of them")

"""Other versions of the product: a copy of its code with another version of the protocol and further migrations, and a way to run it."""

import compileall
import re
import shutil
import site
import sys
from collections.abc import Mapping
from pathlib import Path

import factory

_PACKAGES = ("factory", "actors", "worker_agent", "migrations", "tui")


def release(folder: Path, protocol: str, migrations: Mapping[str, str] | None = None) -> Path:
    """Makes a release in a folder of its own and returns the interpreter that runs it, workers included.

    Args:
        protocol: `major.minor` that hub and workers of it speak.
        migrations: further files by name.
    """
    code = folder / "code"
    for package in _PACKAGES:
        shutil.copytree(Path(factory.__file__).parents[1] / package, code / package, ignore=shutil.ignore_patterns("__pycache__"))
    _speak(code / "factory" / "protocol" / "version.py", *protocol.split("."))
    for name, text in (migrations or {}).items():
        (code / "migrations" / name).write_text(text)
    # As an installation does: compiling at each start would be measured as recovery.
    compileall.compile_dir(code, quiet=2)
    return _interpreter(folder / "venv", code)


def newest_migration() -> int:
    """The number of the last one that this release has."""
    return max(int(file.name[:4]) for file in (Path(factory.__file__).parents[1] / "migrations").glob("[0-9]*.sql"))


def _speak(file: Path, major: str, minor: str) -> None:
    text = re.sub(r"^MAJOR = \d+$", f"MAJOR = {major}", file.read_text(), flags=re.MULTILINE)
    file.write_text(re.sub(r"^MINOR = \d+$", f"MINOR = {minor}", text, flags=re.MULTILINE))


def _interpreter(venv: Path, code: Path) -> Path:
    """A virtual environment that has the copy first and this one's libraries after it; -I and -P change nothing about that."""
    packages = venv / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "release.pth").write_text("\n".join([str(code), *site.getsitepackages()]) + "\n")
    (venv / "bin").mkdir()
    (venv / "pyvenv.cfg").write_text(f"home = {Path(sys.base_prefix) / 'bin'}\ninclude-system-site-packages = false\n")
    python = venv / "bin" / "python"
    python.symlink_to(Path(sys.executable).resolve())
    return python

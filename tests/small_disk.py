"""A file system of a few megabytes that a test fills, and gives room again."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

ROOMY = 200_000_000
SECONDS = 60.0

needs_mounts = pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a small disk is mounted, for which root is needed")


@contextmanager
def disk(folder: Path, options: str = f"size={ROOMY}") -> Iterator[Path]:
    """Mounted at a folder, which is made where it is not there, and above which everybody may pass."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in (folder, folder.parent):
        each.chmod(0o711)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"{options},mode=711", "tmpfs", str(folder)], check=True, timeout=SECONDS)
    try:
        yield folder
    finally:
        # Lazily: what a failed test left may still hold it.
        subprocess.run(["umount", "-l", str(folder)], check=True, timeout=SECONDS)


@contextmanager
def room(folder: Path, left: int) -> Iterator[None]:
    """So many bytes can still be written there meanwhile."""
    resize(folder, f"size={shutil.disk_usage(folder).used + left}")
    try:
        yield
    finally:
        resize(folder, f"size={ROOMY}")


def resize(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True, timeout=SECONDS)


def fill(folder: Path) -> Path:
    """To the last byte, by the file that is returned."""
    filler = folder / "filler"
    # Unbuffered, so that what does not fit is told here and not at the end.
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    return filler

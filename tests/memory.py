"""What a process holds in its memory, where a system shows it: what is in its environment now, unlike what it was started with."""

import re
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

_WRITABLE = re.compile(r"^(?P<start>[0-9a-f]+)-(?P<end>[0-9a-f]+) rw", re.MULTILINE)

can_look = Path("/proc/self/mem").exists()


def holds(process: psutil.Process, secret: bytes) -> bool:
    """Whether it stands anywhere that the process may write to; not in one that has ended.

    Raises:
        PermissionError: this user may not look.
    """
    folder = Path(f"/proc/{process.pid}")
    with suppress(FileNotFoundError, ProcessLookupError), (folder / "mem").open("rb", buffering=0) as memory:
        regions = ((int(found["start"], 16), int(found["end"], 16)) for found in _WRITABLE.finditer((folder / "maps").read_text()))
        return any(secret in _read(memory, start, end - start) for start, end in regions)
    return False


def _read(memory: IO[bytes], start: int, size: int) -> bytes:
    memory.seek(start)
    # A region may be one of a device, or be gone by now.
    with suppress(OSError):
        return memory.read(size)
    return b""

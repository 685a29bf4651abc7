"""The inbox: a folder into which Markdown files are dropped. The adapter of `issue_ports.Inbox`.

inbox/fix-login.md ──taken──► inbox/done/fix-login.md  + fix-login.md.txt   (a sentence)
──else───► inbox/refused/...
"""

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from factory.domain.inbox_file import MAX_BYTES, stamp_of
from factory.errors import InvalidInput
from factory.issue_ports import Dropped

log = logging.getLogger(__name__)

_MAX_NAME = 250
"""Bytes of a file's name behind which there is room for `.txt`."""
MOST = 100
"""Files of one look; the others come with the next one."""
_STEP_MILLISECONDS = 50
_NOT_YET = (".part", ".tmp", ".crdownload", "~")
"""Ends of names that other programs give to what they are still writing."""


class InboxFolder:
    """For one thread at a time.

    Raises:
        InvalidInput: the folder cannot be made, or others than its owner may write there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # It tells of each change, without a name.
        logging.getLogger("watchfiles").setLevel(logging.WARNING)
        self._before: dict[str, tuple[int, int, int]] = {}
        self._told: set[str] = set()
        try:
            for each in (folder, folder / "done", folder / "refused"):
                each.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = folder.stat().st_mode
        except OSError as error:
            raise InvalidInput(f"The inbox {folder} cannot be used: {error.strerror or error}.") from error
        if mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise InvalidInput(f"The inbox {folder} may be written to by others, who could have anything done: chmod go-w {folder}.")

    def wait(self, seconds: float) -> bool:
        # A native library: only for the process that waits here, not for all that are made from the same preloaded one.
        from watchfiles import watch  # noqa: PLC0415

        changes = watch(
            self._folder, recursive=False, step=_STEP_MILLISECONDS, debounce=10 * _STEP_MILLISECONDS, yield_on_timeout=True,
            rust_timeout=max(int(seconds * 1_000), 1), raise_interrupt=False,
        )  # fmt: skip
        return bool(next(iter(changes), set()))

    def files(self) -> list[Dropped]:
        """Raises `OSError` where the folder cannot be read."""
        now = dict(self._there())
        whole = [name for name, look in now.items() if self._before.get(name) == look]
        self._before = now
        found = []
        for name in sorted(whole)[:MOST]:
            try:
                found.append(self._read(name))
            except FileNotFoundError:
                pass  # taken away again, by whoever dropped it
            except OSError as error:
                # The others are none the worse for it.
                self._tell(name, error)
        return found

    def file_away(self, dropped: Dropped, sentence: str, *, taken: bool) -> None:
        folder = self._folder / ("done" if taken else "refused")
        # The sentence first: whoever sees the file there finds it beside it.
        name = dropped.path.name
        fresh = folder / ".sentence.new"
        fresh.write_text(f"{sentence}\n", "utf-8")
        fresh.replace(folder / f"{name if len(os.fsencode(name)) <= _MAX_NAME else dropped.stamp}.txt")
        with suppress(FileNotFoundError):
            # Saved once more meanwhile it is another one, which nobody has read.
            if self._read(name).stamp == dropped.stamp:
                dropped.path.replace(folder / name)

    def _tell(self, name: str, error: OSError) -> None:
        if name not in self._told:
            self._told = {*self._told, name} & self._before.keys()
            log.warning("%r in the inbox cannot be read: %s", name, error.strerror or error)

    def _there(self) -> Iterator[tuple[str, tuple[int, int, int]]]:
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.endswith(_NOT_YET) or not entry.name.lower().endswith((".md", ".markdown")):
                    continue
                with suppress(FileNotFoundError):
                    # A link could point anywhere.
                    if entry.is_file(follow_symlinks=False):
                        look = entry.stat(follow_symlinks=False)
                        yield entry.name, (look.st_ino, look.st_size, look.st_mtime_ns)

    def _read(self, name: str) -> Dropped:
        path = self._folder / name
        # Neither a link nor a pipe that came in its place meanwhile.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            look = os.fstat(descriptor)
            content = file.read(MAX_BYTES + 1)
        return Dropped(path, stamp_of(name, look.st_size, look.st_mtime_ns, content), content.decode(errors="replace"), len(content))

"""The disk that a folder is on."""

import shutil
from pathlib import Path

from factory.paths import nearest


class FolderDisk:
    """Of a folder, or of the first one above it that is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def space(self) -> tuple[int, int]:
        found = shutil.disk_usage(nearest(self._folder))
        return found.free, found.total

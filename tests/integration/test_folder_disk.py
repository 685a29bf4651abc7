"""How full the disk of a folder is, also before that folder is there."""

import shutil
from pathlib import Path

from factory.integrations.folder_disk import FolderDisk


def test_of_a_folder_that_is_still_to_be_made_it_is_the_disk_where_it_will_be(tmp_path: Path) -> None:
    free, total = FolderDisk(tmp_path / "workers" / "deep").space()

    assert total == shutil.disk_usage(tmp_path).total
    assert 0 <= free <= total

"""The key that a host's workers show when they want out, and who may ask for it at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from factory.worker_host.home import Home

FOLDERS, LANES = 100, 8


def test_all_who_ask_for_the_key_at_once_get_the_one_that_is_kept_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    together = threading.Barrier(LANES)

    def asks(home: Home) -> bytes:
        together.wait(60)
        return home.out_key()

    with ThreadPoolExecutor(LANES) as lanes:
        for number in range(FOLDERS):
            home = Home(tmp_path / str(number))
            home.data.mkdir()
            got = list(lanes.map(asks, [home] * LANES))

            kept = home.data / "out.key"
            assert set(got) == {kept.read_bytes()}
            assert kept.stat().st_mode & 0o777 == 0o600
            assert list(home.data.iterdir()) == [kept], "no draft is left"

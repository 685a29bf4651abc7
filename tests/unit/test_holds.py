"""Points at which a test holds a process still."""

import os
import threading

from factory.holds import reached
from tests.waiting import eventually

_JOIN_SECONDS = 60


def test_nothing_happens_unless_a_test_asks_for_it(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("FACTORY_HOLD_DIR", raising=False)
    reached("pushed")
    monkeypatch.setenv("FACTORY_HOLD_DIR", str(tmp_path))
    reached("pushed")

    assert list(tmp_path.iterdir()) == []


def test_a_process_says_where_it_is_and_waits_until_it_is_let_go(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FACTORY_HOLD_DIR", str(tmp_path))
    (tmp_path / "hold-pushed").touch()
    process = threading.Thread(target=reached, args=("pushed",), daemon=True)

    process.start()
    eventually((tmp_path / f"at-pushed-{os.getpid()}").exists)
    held = process.is_alive()
    (tmp_path / "hold-pushed").unlink()
    process.join(_JOIN_SECONDS)

    assert held
    assert not process.is_alive()

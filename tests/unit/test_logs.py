"""Log lines and the file they go to."""

import io
import json
import logging
from pathlib import Path

import pytest
import structlog

from factory import logs

pytestmark = pytest.mark.usefixtures("own_logging")


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_both_kinds_of_loggers_write_json_with_the_process(tmp_path: Path):
    file = tmp_path / "factory.log"
    logs.configure("queue", file=file)

    structlog.get_logger("one").info("item.claimed", item="abc")
    logging.getLogger("two").warning("%s items wait", 3)

    first, second = lines(file)
    assert (first["process"], first["logger"], first["event"], first["item"]) == ("queue", "one", "item.claimed", "abc")
    assert (second["process"], second["logger"], second["event"], second["level"]) == (
        "queue",
        "two",
        "3 items wait",
        "warning",
    )


def test_a_traceback_is_in_the_file_without_local_variables_on_the_console(tmp_path: Path):
    file, console = tmp_path / "factory.log", io.StringIO()
    logs.configure("queue", file=file, console=console)

    def fail(secret: str) -> None:
        raise ValueError(len(secret))

    try:
        fail("hunter" + "2")
    except ValueError:
        structlog.get_logger("one").exception("actor.crashed")

    assert "ValueError: 7" in str(lines(file)[0]["exception"])
    assert "ValueError: 7" in console.getvalue()
    assert "hunter" + "2" not in console.getvalue() + file.read_text("utf-8")


def test_what_is_below_the_level_is_left_out_and_configuring_again_replaces(tmp_path: Path):
    file = tmp_path / "factory.log"
    logs.configure("queue", file=tmp_path / "other.log")
    logs.configure("queue", file=file, level="WARNING")

    structlog.get_logger("one").info("quiet")
    structlog.get_logger("one").error("loud")

    assert [line["event"] for line in lines(file)] == ["loud"]


def test_a_file_that_is_turned_over_is_written_anew_and_the_oldest_goes(tmp_path: Path, monkeypatch):
    file = tmp_path / "factory.log"
    monkeypatch.setattr(logs, "MAX_FILE_BYTES", 1)
    logs.configure("queue", file=file)
    log = logging.getLogger("one")

    turned = []
    for number in range(logs.KEPT_FILES + 3):
        log.info("line %s", number)
        turned.append(logs.rotate(file))

    assert all(turned)
    kept = {path.name: lines(path)[0]["event"] for path in tmp_path.iterdir()}
    assert kept == {"factory.log.1": "line 5", "factory.log.2": "line 4", "factory.log.3": "line 3"}


def test_a_small_or_missing_file_stays_as_it_is(tmp_path: Path):
    file = tmp_path / "factory.log"

    assert not logs.rotate(file)
    file.write_bytes(b"{}\n")
    assert not logs.rotate(file)
    assert [path.name for path in tmp_path.iterdir()] == ["factory.log"]

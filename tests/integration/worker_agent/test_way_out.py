"""The worker's end of the way out: what it tells engine and gates, and that it goes with the worker."""

import json
import socket
import threading
from pathlib import Path

import pytest

from tests.waiting import eventually
from worker_agent.folders import Folders
from worker_agent.way_out import NoWayOut, open_way_out

GIVEN = {"worker": "0123456789-1", "token": "t" * 64, "environment": {"ANTHROPIC_BASE_URL": "{way_out}/anthropic", "PLAIN": "as it is"}}


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "egress.json").write_text(json.dumps({**GIVEN, "socket": str(tmp_path / "s")}))
    return Folders(tmp_path)


def test_engine_and_gates_are_told_where_it_is_in_all_the_ways_that_programs_know(folders: Folders) -> None:
    way_out = open_way_out(folders)
    environment = way_out.environment
    here = environment["HTTP_PROXY"]
    way_out.close()

    assert here.startswith("http://127.0.0.1:")
    assert {environment[name] for name in ("http_proxy", "HTTPS_PROXY", "https_proxy")} == {here}
    assert environment["NO_PROXY"] == environment["no_proxy"] == "127.0.0.1,localhost,::1"
    assert (environment["ANTHROPIC_BASE_URL"], environment["PLAIN"]) == (f"{here}/anthropic", "as it is")
    assert way_out.secrets == ("t" * 64,)
    assert "t" * 64 not in str(environment)


def test_where_none_is_given_there_is_none(tmp_path: Path) -> None:
    way_out = open_way_out(Folders(tmp_path))
    way_out.close()

    assert isinstance(way_out, NoWayOut)
    assert (way_out.environment, way_out.secrets) == ({}, ())


def test_every_connection_begins_with_the_line_that_says_whose_it_is_and_ends_with_the_worker(folders: Folders) -> None:
    threads = threading.active_count()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folders.root / "s"))
        listening.listen()
        listening.settimeout(30)
        way_out = open_way_out(folders)
        port = int(way_out.environment["HTTP_PROXY"].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 30) as inside:
            inside.sendall(b"hello")
            inside.shutdown(socket.SHUT_WR)
            outside, _ = listening.accept()
            with outside:
                said = b""
                while piece := outside.recv(4_096):
                    said += piece
                outside.sendall(b"after the end")

                assert said == b"FACTORY-WAY-OUT/1 0123456789-1 " + b"t" * 64 + b"\r\nhello"
                assert inside.recv(4_096) == b"after the end"
                way_out.close()
                assert outside.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 30)
    eventually(lambda: threading.active_count() == threads, 30, "its thread has ended")


def test_an_end_outside_that_never_comes_back_is_given_up(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker_agent.way_out_forwarder.PATIENCE_SECONDS", 0.1)
    way_out = open_way_out(folders)
    port = int(way_out.environment["HTTP_PROXY"].rpartition(":")[2])

    with socket.create_connection(("127.0.0.1", port), 30) as inside:
        inside.settimeout(30)
        assert inside.recv(1) == b""
    way_out.close()

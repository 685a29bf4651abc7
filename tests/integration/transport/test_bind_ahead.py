"""Sockets that are bound before it is known what they are for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.transport import sockets
from factory.transport.exchange import Caller, Desk
from tests.databases import short_folder

SECONDS = 60.0


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


def _hidden(folder: Path) -> set[int]:
    return {path.stat().st_ino for path in folder.iterdir()}


def test_a_desk_gives_its_name_to_a_socket_that_is_bound_already(folder: Path):
    sockets.bind_ahead(folder, 1)
    ahead = _hidden(folder)

    desk = Desk(folder / "a.sock")

    assert {(folder / "a.sock").stat().st_ino} == ahead == _hidden(folder)
    assert (folder / "a.sock").stat().st_mode & 0o777 == 0o600
    caller = Caller(folder / "a.sock")
    caller.tell(b"hello")
    assert desk.pollable().poll(int(SECONDS * 1000))
    assert desk.drain() == [(None, b"hello")]
    caller.close(drop=True)
    desk.close()
    assert _hidden(folder) == set()


def test_each_is_used_once_and_the_next_desk_binds_for_itself(folder: Path):
    sockets.bind_ahead(folder, 1)

    desks = [Desk(folder / name) for name in ("a.sock", "b.sock")]

    assert sorted(path.name for path in folder.iterdir()) == ["a.sock", "b.sock"]
    for desk in desks:
        desk.close()


def test_a_desk_in_another_folder_leaves_them_alone(folder: Path):
    sockets.bind_ahead(folder, 1)
    (folder / "other").mkdir()

    other = Desk(folder / "other" / "a.sock")

    assert [path.name for path in (folder / "other").iterdir()] == ["a.sock"]
    other.close()
    Desk(folder / "b.sock").close()


def test_a_desk_is_opened_where_the_file_of_a_socket_bound_ahead_is_gone(folder: Path):
    sockets.bind_ahead(folder, 1)
    next(folder.iterdir()).unlink()

    desk = Desk(folder / "a.sock")

    assert [path.name for path in folder.iterdir()] == ["a.sock"]
    assert sockets._ahead == []
    desk.close()

"""The views that operators ask for, on a real database and real log files."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.answers import LOG_CHUNK, About, Answers, Unknown, _whole_characters
from factory.domain.ids import branch_of
from factory.protocol.attempt_mail import Finish, Happened
from factory.protocol.commands import Query, Steer
from factory.protocol.mailbox import Child, Tree
from factory.storage.database import Database
from factory.storage.events import EventReader
from factory.storage.limits import LimitStore
from factory.storage.locks import LockStore
from factory.storage.views import Views
from factory.storage.work_items import WorkItems
from tests.work import SPEC, done, finish, running, submitted

NODE = Child("queue", "core", 7, "running", 0, 1.5)


@pytest.fixture
def answers(database: Database, tmp_path: Path) -> Answers:
    about = About("instance", "1.0", "confined", tmp_path)
    return Answers(Views(database), EventReader(database), about, lambda: 12.5, lambda: Tree((NODE,)))


def view(answers: Answers, what: str, target: str = "", **more: int) -> dict[str, Any]:
    reply = answers.answer(Query(what, target, **more))  # type: ignore[arg-type]  # one of the literals
    assert reply.code == "ok", reply.reason
    # Whatever is shown must be plain: it goes to people as a table and to programs as JSON.
    shown: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(reply.data))
    assert shown["schema"] == 1
    return shown


def write_log(folder: Path, item: str, epoch: int, data: bytes) -> None:
    (folder / item).mkdir(exist_ok=True)
    (folder / item / f"{epoch}.log").write_bytes(data)


def read_log(answers: Answers, item: str) -> str:
    """As a follower reads it, piece by piece."""
    text, offset, pieces = "", 0, 0
    while (piece := view(answers, "log", item, offset=offset))["data"]:
        text, offset, pieces = text + piece["data"], piece["next"], pieces + 1
        assert pieces < 100
    assert offset == piece["size"]
    return text


# -- views ------------------------------------------------------------------------------------------------------------


def test_the_status_says_what_the_factory_is_and_does(answers: Answers, items: WorkItems, database: Database) -> None:
    running(items)
    submitted(items)
    finish(items, done(running(items)))
    LimitStore(database).write("dispatch", {"reason": "all 2 workers are busy"})

    shown = view(answers, "status")

    assert (shown["instance"], shown["version"], shown["uptime"], shown["isolation"]) == ("instance", "1.0", 12.5, "confined")
    # The item that was claimed last is the one that had been submitted before it.
    assert sum(shown["counts"].values()) == 3
    assert shown["counts"]["publishing"] == 1
    assert len(shown["outbox"]) == 1
    assert shown["dispatch"] == {"reason": "all 2 workers are busy"}
    assert len(shown["workers"]) == 2


def test_the_queue_holds_what_is_open_and_the_items_hold_all(answers: Answers, items: WorkItems) -> None:
    ended, waiting = submitted(items), submitted(items)
    with items.round() as round_:
        round_.steer(Steer("c1", "cancel", ended, "me"))

    queue, everything = view(answers, "queue")["items"], view(answers, "items")["items"]

    assert [row["id"] for row in queue] == [waiting]
    assert [row["id"] for row in everything] == [waiting, ended]


@pytest.mark.parametrize("what", ["status", "queue", "items", "workers", "pull_requests", "limits", "locks", "tree"])
def test_every_view_of_an_empty_factory_is_there_and_empty(answers: Answers, what: str) -> None:
    assert view(answers, what)


def test_an_item_is_shown_with_its_spec_its_attempts_and_its_branch(answers: Answers, items: WorkItems) -> None:
    lease = running(items)
    finish(items, Finish(lease, 0, "gate", "unit is red", "1 failed", iterations=2, tokens=9))

    shown = view(answers, "item", lease.item)

    assert (shown["item"]["spec"], shown["item"]["evidence"], shown["item"]["branch"]) == (SPEC, "1 failed", branch_of(lease.item))  # type: ignore[arg-type]  # an item's id
    (attempt,) = shown["attempts"]
    assert (attempt["epoch"], attempt["outcome"], attempt["burnt"], attempt["iterations"]) == (1, "gate", True, 2)
    assert shown["pull_request"] is None


def test_events_are_read_from_where_one_was(answers: Answers, items: WorkItems) -> None:
    lease = running(items)

    everything = view(answers, "events", lease.item)["events"]
    later = view(answers, "events", lease.item, offset=2)["events"]

    assert [event["seq"] for event in everything] == [1, 2, 3]
    assert later == everything[2:]
    assert len(view(answers, "events", lease.item, limit=1)["events"]) == 1


def test_locks_limits_and_the_tree_are_shown(answers: Answers, items: WorkItems, database: Database) -> None:
    lease = running(items)
    LockStore(database).acquire(lease, "/repo", ["a.py"])
    LimitStore(database).write("dispatch", {"open": 1})

    assert [(row["file_path"], row["worker_id"]) for row in view(answers, "locks")["locks"]] == [("a.py", lease.worker)]
    assert view(answers, "limits")["limits"] == {"dispatch": {"open": 1}}
    assert [node["name"] for node in view(answers, "tree")["tree"]] == ["queue"]


# -- ids --------------------------------------------------------------------------------------------------------------


def test_an_item_is_found_by_as_much_of_its_id_as_is_its_own(answers: Answers, items: WorkItems) -> None:
    for item in ("aaaaaaaaaa", "aaaaaaaaab", "bbbbbbbbbb"):
        submitted(items, item=item)

    assert answers.resolve("b") == "bbbbbbbbbb"
    assert answers.resolve("aaaaaaaaab") == "aaaaaaaaab"
    with pytest.raises(Unknown, match="more than one"):
        answers.resolve("aaaaaaaaa")


@pytest.mark.parametrize("prefix", ["", "z", "%", "_", "aaaaaaaaaab", "a'; --"])
def test_what_begins_no_items_id_finds_none(answers: Answers, items: WorkItems, prefix: str) -> None:
    submitted(items, item="aaaaaaaaaa")

    with pytest.raises(Unknown, match="there is no item"):
        answers.resolve(prefix)


@pytest.mark.parametrize("what", ["item", "events", "log"])
def test_a_view_of_an_unknown_item_says_so(answers: Answers, what: str) -> None:
    reply = answers.answer(Query(what, "zzz"))  # type: ignore[arg-type]  # one of the literals

    assert reply.code == "not_found"
    assert "zzz" in reply.reason


# -- logs -------------------------------------------------------------------------------------------------------------


def test_a_log_that_is_not_there_yet_is_empty(answers: Answers, items: WorkItems) -> None:
    item = submitted(items)

    assert view(answers, "log", item) == {"schema": 1, "epoch": 0, "offset": 0, "next": 0, "size": 0, "data": "", "ended": False}


def test_the_latest_attempts_log_is_shown_unless_another_is_asked_for(answers: Answers, items: WorkItems, tmp_path: Path) -> None:
    lease = running(items)
    write_log(tmp_path, lease.item, 1, b"first")
    write_log(tmp_path, lease.item, 2, b"second")
    finish(items, Finish(lease, 0, "infra", "host gone"))
    assert view(answers, "log", lease.item)["data"] == "first"
    with items.round() as round_:
        round_.tx.cursor.execute("UPDATE work_items SET scheduled_at = clock_timestamp()")
        round_.claim(1)

    assert (view(answers, "log", lease.item)["data"], view(answers, "log", lease.item)["ended"]) == ("second", False)
    assert (view(answers, "log", lease.item, epoch=1)["data"], view(answers, "log", lease.item, epoch=1)["ended"]) == ("first", True)


@pytest.mark.parametrize("shift", range(4))
@pytest.mark.parametrize("letter", ["x", "é", "€", "😀"])
def test_a_long_log_is_read_whole_however_its_characters_lie(
    answers: Answers, items: WorkItems, tmp_path: Path, letter: str, shift: int
) -> None:
    lease = running(items)
    text = "-" * shift + letter * (2 * LOG_CHUNK // len(letter.encode()))
    write_log(tmp_path, lease.item, 1, text.encode())

    assert read_log(answers, lease.item) == text


def test_a_character_that_is_still_being_written_is_waited_for(answers: Answers, items: WorkItems, tmp_path: Path) -> None:
    lease = running(items)
    write_log(tmp_path, lease.item, 1, "abc€".encode()[:-1])

    piece = view(answers, "log", lease.item)
    assert (piece["data"], piece["next"], piece["size"]) == ("abc", 3, 5)

    write_log(tmp_path, lease.item, 1, "abc€".encode())
    assert view(answers, "log", lease.item, offset=3)["data"] == "€"


@pytest.mark.parametrize("end", [b"\xe2\x82", b"\xff", b"\xf0\x9f\x98", b"\xc3"])
def test_a_log_that_ended_in_the_middle_of_a_character_has_an_end(answers: Answers, items: WorkItems, tmp_path: Path, end: bytes) -> None:
    lease = running(items)
    write_log(tmp_path, lease.item, 1, b"abc" + end)
    finish(items, Finish(lease, 0, "agent", "gave up"))

    assert read_log(answers, lease.item).startswith("abc\N{REPLACEMENT CHARACTER}")


def test_an_offset_outside_the_log_is_no_error(answers: Answers, items: WorkItems, tmp_path: Path) -> None:
    lease = running(items)
    write_log(tmp_path, lease.item, 1, b"abc")

    beyond, before = view(answers, "log", lease.item, offset=99), view(answers, "log", lease.item, offset=-5)

    assert (beyond["data"], beyond["next"]) == ("", 99)
    assert (before["data"], before["offset"], before["next"]) == ("abc", 0, 3)


@given(st.text(min_size=1, max_size=40), st.integers(1, 160))
def test_a_cut_never_splits_a_character(text: str, place: int) -> None:
    cut = _whole_characters(text.encode()[:place])

    assert text.startswith(cut.decode())
    assert len(text.encode()[:place]) - len(cut) < 4


@given(st.binary(max_size=40))
def test_a_cut_of_any_bytes_takes_no_more_than_one_characters_worth(data: bytes) -> None:
    cut = _whole_characters(data)

    assert data.startswith(cut)
    assert len(data) - len(cut) < 4


def test_an_agents_events_are_shown_as_it_told_them(answers: Answers, items: WorkItems) -> None:
    lease = running(items)
    with items.round() as round_:
        round_.happened([Happened(lease, 1, 1, "ATTEMPT.GATE.FAILED", {"gate": "unit", "seconds": 1.5})])

    assert view(answers, "events", lease.item)["events"][-1]["data"] == {"agent": {"gate": "unit", "seconds": 1.5}}

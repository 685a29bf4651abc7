"""What is news to an observer, and what is only time going by."""

import pytest

from actors.shown import Shown, differ

NODE = {"id": "queue", "state": "running", "uptime": 1.0, "rss": 100_000_000, "restarts": 0}


@pytest.mark.parametrize(
    ("change", "news"),
    [({"uptime": 9.0}, False), ({"rss": 105_000_000}, False), ({"rss": 120_000_000}, True), ({"rss": None}, True), ({"restarts": 1}, True),
     ({"beat_age": 3.0}, False)],
)  # fmt: skip
def test_ages_and_small_changes_of_memory_are_no_news(change: dict[str, object], news: bool) -> None:
    assert differ(NODE, {**NODE, **change}) is news


def test_an_age_that_began_anew_is_news_by_its_time_and_one_that_grows_is_none() -> None:
    shown = Shown()
    worker = {
        "id": "aaa-1",
        "phase": "running",
        "age": 60.0,
        "beat_at": 1_000.0,
        "beat_age": 0.2,
        "progress_at": None,
        "progress_age": None,
    }
    looks = [
        (worker, True),
        ({**worker, "age": 65.0, "beat_age": 5.2001}, False),
        ({**worker, "age": 66.0, "beat_at": 1_006.0, "beat_age": 0.4}, True),
        ({**worker, "age": 67.0, "beat_at": 1_006.0, "beat_age": 1.4}, False),
        ({**worker, "age": 68.0, "beat_at": 1_006.0, "beat_age": 2.4, "progress_at": 1_008.3, "progress_age": 0.1}, True),
    ]

    told = [bool(list(shown.news("worker", {"aaa-1": row}))) for row, _ in looks]

    assert told == [news for _, news in looks]


def test_memory_that_creeps_is_told_once_it_has_moved_far_from_what_was_told() -> None:
    shown = Shown()
    sizes = [100 + step for step in range(25)]

    told = [size for size in sizes if list(shown.news("node", {"queue": {**NODE, "rss": size * 1_000_000}}))]

    assert told == [100, 111, 123]


def test_what_is_gone_is_told_once_and_what_comes_back_is_news() -> None:
    shown = Shown()
    assert list(shown.news("lock", {"a": {"x": 1}})) == [("a", {"x": 1})]
    assert list(shown.news("lock", {})) == [("a", None)]
    assert list(shown.news("lock", {})) == []
    assert list(shown.news("lock", {"a": {"x": 1}})) == [("a", {"x": 1})]


def test_a_part_of_the_rows_takes_nothing_away() -> None:
    shown = Shown()
    shown.note("item", {"a": {"why": "x"}, "b": {"why": "y"}})

    assert list(shown.news("item", {"a": {"why": "z"}}, whole=False)) == [("a", {"why": "z"})]
    assert list(shown.news("item", {"b": {"why": "y"}}, whole=False)) == []

"""Lines of an item's logs, attempt after attempt."""

from typing import Any

from factory.cli.attached_log import MOST_PARTIAL, TAIL_BYTES, AttachedLog, Line


def piece(text: str, *, epoch: int = 1, offset: int = 0, size: int | None = None, ended: bool = False) -> dict[str, Any]:
    after = offset + len(text)
    return {"epoch": epoch, "data": text, "offset": offset, "next": after, "size": after if size is None else size, "ended": ended}


def texts(taken: tuple[list[Line], bool]) -> list[str]:
    return [line.text for line in taken[0]]


def test_of_what_was_printed_before_the_last_lines_are_shown_once_all_of_it_is_there() -> None:
    log = AttachedLog(2)

    assert log.take(piece("one\ntwo\nth", size=20)) == ([], True)
    assert texts(log.take(piece("ree\nfour\n", offset=11))) == ["three", "four"]
    assert texts(log.take(piece("five\nsix\nseven\n", offset=20))) == ["five", "six", "seven"]


def test_without_a_past_only_what_comes_is_shown() -> None:
    log = AttachedLog(0)

    assert texts(log.take(piece("one\n"))) == []
    assert texts(log.take(piece("two\n", offset=4))) == ["two"]


def test_a_line_is_shown_when_it_ends_and_the_last_one_when_its_attempt_does() -> None:
    log = AttachedLog(9)

    assert texts(log.take(piece("on"))) == []
    assert texts(log.take(piece("e\ntw", offset=2))) == ["one"]
    assert texts(log.take(piece("o", offset=6, ended=True))) == ["two"]
    assert log.ended


def test_a_line_without_end_is_not_kept_for_ever() -> None:
    log = AttachedLog(9)

    assert texts(log.take(piece("x" * (MOST_PARTIAL + 1)))) == ["x" * (MOST_PARTIAL + 1)]


def test_nothing_that_a_terminal_would_obey_is_left_also_where_it_was_cut() -> None:
    log = AttachedLog(9)
    log.take(piece("a\x1b[", size=9))

    assert texts(log.take(piece("2Jb\r\n", offset=3))) == ["ab"]


def test_of_a_long_log_the_end_is_read_from_its_first_whole_line_on() -> None:
    log, size = AttachedLog(5), 3 * TAIL_BYTES

    assert log.take(piece("the beginning\n", size=size)) == ([], True)
    assert (log.epoch, log.offset) == (1, size - TAIL_BYTES)
    assert log.take(piece("torn and", offset=log.offset, size=size)) == ([], True)
    assert texts(log.take(piece(" gone\nwhole\n", offset=size - 12, size=size))) == ["whole"]


def test_it_moves_on_to_the_next_attempt_once_the_log_of_one_is_done_and_reads_that_whole() -> None:
    log = AttachedLog(1)
    log.take(piece("one\n", epoch=2))
    assert not log.move_on([1, 2, 3])

    log.take(piece("", epoch=2, offset=4, ended=True))

    assert log.move_on([1, 2, 3, 4])
    assert (log.epoch, log.offset, log.ended) == (3, 0, False)
    assert log.take(piece("a\nb\n", epoch=3)) == ([Line(3, "a"), Line(3, "b")], False)
    assert not log.move_on([1, 2, 3])


def test_one_that_ended_with_more_to_read_has_not_been_read_to_its_end() -> None:
    log = AttachedLog(1)
    log.take(piece("one\n", size=8, ended=True))

    assert not log.ended

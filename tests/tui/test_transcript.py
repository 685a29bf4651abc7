"""A log as what happened: folded, kept within bounds, the same however its pieces are cut."""

import random
from pathlib import Path

import pytest

from tui.folding import Folding, next_of
from tui.log_reader import LogReader
from tui.page import paragraphs, wrapped
from tui.patch import Patch
from tui.transcript import Transcript

CLAUDE = """claude 2.1, model opus
I look first.
> Edit src/users.py
  ok
> Bash pytest -q
  failed: one
  two
  three
  four
[12 bytes not kept]
[factory] the agent gave up (agent): no way
result: success, 3 turns, 0.1 USD
"""
ENGINES = Path(__file__).parents[1] / "data" / "engines"


def test_each_line_is_what_it_says() -> None:
    transcript = Transcript()
    transcript.feed(CLAUDE)
    kinds = [(block.kind, len(block.lines), block.failed) for block in transcript.blocks]
    assert kinds == [
        ("engine", 1, False), ("words", 1, False), ("edit", 1, False), ("result", 1, False), ("command", 1, False), ("result", 4, True),
        ("gap", 1, False), ("factory", 1, False), ("end", 1, False),
    ]  # fmt: skip
    assert transcript.dropped == 12


def test_it_is_the_same_however_the_pieces_are_cut() -> None:
    whole = Folding()
    whole.feed(CLAUDE * 20, ended=True)
    for seed in range(30):
        dice, text, cut = random.Random(seed), CLAUDE * 20, Folding()
        while text:
            size = dice.randint(1, 400)
            cut.feed(text[:size], ended=size >= len(text))
            text = text[size:]
        assert cut.lines == whole.lines, seed


def test_a_long_output_is_three_lines_until_it_is_unfolded() -> None:
    folding = Folding()
    folding.feed("> Bash pytest\n" + "".join(f"  out {n}\n" for n in range(1_000)))
    assert [line.text.strip() for line in folding.lines[1:]] == ["out 0", "out 1", "out 2", "… 997 lines more   enter unfolds"]
    folding.toggle(folding.lines[-1].block)
    assert len(folding.lines) == 1_001
    folding.feed("  out 1000\n")
    assert folding.lines[-1].text.strip() == "out 1000"
    folding.toggle(folding.lines[-1].block)
    assert len(folding.lines) == 5
    assert "out 1000" in folding.text()


def test_only_the_newest_lines_are_kept_and_what_went_is_counted() -> None:
    folding = Folding()
    for n in range(200):
        folding.feed("".join(f"line {n}.{m}\n" for m in range(10)))
        folding.prune(100)
        assert len(folding.lines) <= 160
    assert folding.lines[-1].text == "line 199.9"
    assert folding.removed + len(folding.lines) == folding.transcript.lines == 2_000


@pytest.mark.parametrize("file", sorted(ENGINES.glob("*.txt")), ids=lambda file: file.stem)
def test_what_other_agents_print_is_understood_or_named(file) -> None:
    folding = Folding()
    folding.feed(file.read_text(), ended=True)
    assert folding.lines
    if file.stem.startswith("codex_limit"):
        assert any("429" in line.text and line.tone == "bad" for line in folding.lines)


def test_anything_can_be_a_log() -> None:
    dice = random.Random(7)
    letters = 'ab \t\n\r\x1b[]{}":\x9b\u202e漢é> [factory]0123\x00'
    for _ in range(300):
        folding, size = Folding(), dice.randint(1, 60)
        folding.resize(size)
        folding.feed("".join(dice.choice(letters) for _ in range(dice.randint(0, 400))), ended=True)
        for line in folding.lines:
            assert all(letter.isprintable() for letter in line.text), line


@pytest.mark.parametrize("size", [1, 10, 17, 80])
@pytest.mark.parametrize("indent", ["", "    ", " " * 15])
def test_wrapping_ends_and_keeps_all_letters(size, indent) -> None:
    text = "".join(random.Random(3).choice("ab 漢") for _ in range(300))
    lines = wrapped(text, size, indent, exact=True)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert [line.text for line in paragraphs("a\r\nb", 10)] == ["a", "b"]


def test_matches_go_round() -> None:
    assert (next_of([3, 9], 3, 1), next_of([3, 9], 9, 1), next_of([3, 9], 3, -1), next_of([], 0, 1)) == (9, 3, 9, None)


def test_a_log_is_asked_for_four_times_a_second_and_at_once_while_it_is_behind() -> None:
    reader = LogReader("aaa")
    first = reader.next_query(0.0)
    assert first is not None
    reader.take({"epoch": 2, "size": 10, "next": 5, "data": "line\n", "ended": False})
    second = reader.next_query(0.0)
    assert second is not None
    assert (second.epoch, second.offset) == (2, 5)
    reader.take({"epoch": 2, "size": 10, "next": 10, "data": "more\n", "ended": False})
    assert reader.next_query(0.1) is None
    assert reader.next_query(0.3) is not None
    reader.take({"epoch": 2, "size": 10, "next": 10, "data": "", "ended": True})
    assert reader.next_query(99.0) is None
    assert not reader.moved_on(2)
    assert reader.moved_on(3)


def test_a_log_without_lines_says_whether_an_attempt_has_begun_and_whether_it_is_over() -> None:
    reader = LogReader("aaa")
    assert "No attempt has begun" in reader.nothing(0)
    assert "being read" in reader.nothing(1)
    reader.take({"epoch": 1, "size": 0, "next": 0, "data": "", "ended": False})
    assert "Nothing was printed yet" in reader.nothing(1)
    reader.take({"epoch": 1, "size": 0, "next": 0, "data": "", "ended": True})
    assert reader.nothing(1) == "Nothing was printed in this attempt."
    assert reader.moved_on(2)
    assert "being read" in reader.nothing(2)
    reader.failed("no factory")
    assert reader.nothing(2) == "no factory"


def test_pages_of_another_result_begin_the_diff_anew() -> None:
    patch, head = Patch(), {"item": "a", "epoch": 1, "commit": "c", "size": 4}
    patch.take({**head, "offset": 0, "next": 2, "patch": "+a"})
    patch.take({**head, "offset": 0, "next": 2, "patch": "+a"})
    assert (patch.text, patch.whole) == ("+a", False)
    patch.take({**head, "offset": 2, "next": 4, "patch": "\n "})
    assert (patch.text, patch.whole) == ("+a\n ", True)
    patch.take({**head, "epoch": 2, "commit": "d", "offset": 0, "next": 2, "patch": "-b"})
    assert (patch.text, patch.whole) == ("-b", False)

"""Paths that can be locked, and who stands in the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.domain.locks import MAX_FILES, MAX_PATH, BadPath, condition, in_the_way, normalise

parts = st.sampled_from([".", " ", " a", "b ", "src", "a.py", "ä", "...", "~", "a\nb", "-rf", "*"])
paths = st.lists(parts, min_size=1, max_size=4).map("/".join)


def normalised(files: list[str]) -> tuple[str, ...] | None:
    try:
        return normalise(files)
    except BadPath:
        return None


def test_each_file_is_named_once_in_one_order():
    assert normalise(["src/b.py", "a.py", "./a.py", "src//b.py", "src/./b.py", "a.py/"]) == ("a.py", "src/b.py")


@pytest.mark.parametrize(
    "path", ["", ".", "./", "/etc/passwd", "//a", "..", "../a", "a/../b", "a/..", "a\0b", "   ", "x" * (MAX_PATH + 1)], ids=repr
)
def test_what_names_no_file_inside_a_repository_is_refused(path: str):
    with pytest.raises(BadPath, match="no path inside a repository"):
        normalise(["a.py", path])


def test_a_refusal_shows_no_more_of_a_path_than_a_person_reads():
    with pytest.raises(BadPath) as error:
        normalise(["/" + "x" * 10_000])

    assert len(str(error.value)) < 200


def test_a_request_is_bounded():
    assert len(normalise(str(number) for number in range(MAX_FILES))) == MAX_FILES
    with pytest.raises(BadPath, match="501 files"):
        normalise(str(number) for number in range(MAX_FILES + 1))


def test_nothing_wanted_is_nothing():
    assert normalise([]) == ()


@given(st.lists(paths | st.text(max_size=6), max_size=6))
def test_normalising_twice_changes_nothing(files: list[str]):
    once = normalised(files)

    assert once is None or normalised(list(once)) == once


@given(st.lists(paths, max_size=6))
def test_what_is_normalised_is_sorted_unique_relative_and_inside(files: list[str]):
    once = normalised(files)

    if once is not None:
        assert list(once) == sorted(set(once))
        assert not any(path.startswith("/") or ".." in path.split("/") for path in once)


@given(st.lists(paths, max_size=6))
def test_the_order_in_which_files_are_named_does_not_matter(files: list[str]):
    assert normalised(files) == normalised(files[::-1])


def test_who_is_in_the_way_is_named_with_the_file():
    held = {"a.py": "0123456789-1", "b.py": "me"}

    assert in_the_way(["a.py", "b.py", "c.py"], held, "me") == ("a.py: 0123456789-1",)


def test_an_item_waits_for_the_locks_of_its_repository():
    assert condition("/repo") == "locks:/repo"

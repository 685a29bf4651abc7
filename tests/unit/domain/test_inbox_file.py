"""Files of the inbox: what they ask for, or the sentence that says why not."""

import pytest

from factory.domain.inbox_file import Defaults, Wanted, read, stamp_of
from factory.domain.issue import IssueText
from factory.domain.work_item import Priority

ONE = Defaults(("acme/widgets",))


def test_front_matter_says_where_how_urgent_and_by_what() -> None:
    text = "---\nrepo: /srv/a.git\nbase: develop\nPriority: high\nengine: 'codex'\nneeds: gpu, big\n---\n# Fix it\n\nIt is broken.\n"

    told = IssueText("Fix it", "It is broken.")
    assert read(text, "fix.md", ONE) == Wanted(told, "/srv/a.git", "develop", Priority.HIGH, "codex", ("gpu", "big"))


def test_what_is_not_said_has_a_default() -> None:
    wanted = read("It is broken.\n", "fix-the-login.md", ONE)

    assert wanted == Wanted(
        IssueText("fix the login", "It is broken."), "https://github.com/acme/widgets.git", "main", Priority.MEDIUM, "claude"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "defaults", "why"),
    [
        ("---\nrepo: a/b\n", ONE, "has no end"), ("---\ncolour: red\n---\nx", ONE, "'colour: red' of the front matter is none of"),
        ("---\nrepo a/b\n---\nx", ONE, "written as `name: value`"), ("---\nrepo: a/b\n---\n  \n", ONE, "says nothing"),
        ("", ONE, "says nothing"),
        ("x", Defaults(), "names no repository"), ("x", Defaults(("a/b", "a/c")), "names no repository"),
        ("---\nneeds: a/b\n---\nx", ONE, "'a/b' is no label: use lower-case"),
        ("---\npriority: now\n---\nx", ONE, "'now' is no priority: write critical, high, medium, low"),
        ("---\nrepo: https://ghp_0123456789abcdef0123456789abcdef0123@x/a\n---\nx", ONE, "holds a password or a token"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_told_in_a_sentence(text, defaults, why: str) -> None:
    told = read(text, "a.md", defaults)

    assert isinstance(told, str)
    assert why in told
    assert "ghp_" not in told


def test_a_file_that_comes_again_under_its_name_is_another_one() -> None:
    stamps = [stamp_of("a.md", 1, 5, b"x"), stamp_of("a.md", 1, 6, b"x"), stamp_of("a.md", 1, 5, b"y"), stamp_of("b.md", 1, 5, b"x")]

    assert len(set(stamps)) == 4
    assert stamps[0] == stamp_of("a.md", 1, 5, b"x")

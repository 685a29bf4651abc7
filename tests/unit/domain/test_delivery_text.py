"""The text of a pull request."""

import pytest

from factory.domain.ids import Commit, ItemId
from factory.domain.inspection import Change, GateResult, Inspection
from factory.domain.pull_request import MAX_TITLE, Effort, is_marked, issue_closed, marks, title_and_body

_ITEM = ItemId("0123456789")
_FOUND = Inspection(Commit("b" * 40), True, ("Add a", "Add b"), (Change("a", "100644", 1, False),), 12, ())


def text(title: str = "Do it", tasks=(), gates=(), inspection=_FOUND, iterations: int = 3) -> tuple[str, str]:
    return title_and_body(title, _ITEM, tasks=tasks, gates=gates, inspection=inspection, effort=Effort(iterations))


def test_a_body_tells_what_was_done_and_how_it_was_checked() -> None:
    gates = [GateResult("tests", True, True, 1.25, ""), GateResult("lint", False, False, 0.5, "")]

    title, body = text(tasks=["Add a", "Add b"], gates=gates)

    assert title == "Do it"
    assert "`0123456789`: 2 commits in 3 iterations, 1 file changed, 12 lines added." in body
    assert f"Checked at `{'b' * 40}`." in body
    assert "| tests | passed | 1.2 s |\n| lint | failed (advisory) | 0.5 s |" in body
    assert "## Tasks\n\n- `Add a`\n- `Add b`" in body
    assert body.index("## Gates") < body.index("## Commits")


def test_a_body_tells_in_a_table_what_it_took() -> None:
    gates = [GateResult("a", True, True, 1.0, ""), GateResult("b", False, True, 1.0, ""), GateResult("c", False, False, 1.0, "")]
    effort = Effort(iterations=1_200, tokens=34_567, reworks=2)

    _, body = title_and_body("Do it", _ITEM, tasks=["Add a", "Add b"], gates=gates, inspection=_FOUND, effort=effort)

    head = "| tasks | required gates | iterations | tokens | reworks |\n|---|---|---|---|---|\n"
    assert f"{head}| 2 | 1 of 2 passed | 1,200 | 34,567 | 2 |" in body
    assert "Closes" not in body


@pytest.mark.parametrize(
    ("source", "source_id", "closes"),
    [
        ("github", "acme/widgets#12", "acme/widgets#12"),
        ("github", "acme/wid.gets_2#12/3", "acme/wid.gets_2#12"),
        ("github", "acme/widgets#12, fixes evil/other#1", ""),
        ("github", "acme/widgets", ""),
        ("operator", "acme/widgets#12", ""),
    ],
)
def test_an_issue_of_github_is_closed_by_it_and_nothing_else(source: str, source_id: str, closes: str) -> None:
    assert issue_closed(source, source_id) == closes


def test_a_body_tells_what_it_cost_and_which_hosts_were_not_reached_where_that_was_seen() -> None:
    blocked = ("evil.example", "with`tick")

    _, body = title_and_body(
        "Do it", _ITEM, tasks=(), gates=(), inspection=_FOUND, effort=Effort(1, micros=1_234_567), blocked=blocked
    )  # fmt: skip

    assert "| tokens | reworks | cost |\n|---|---|---|---|---|---|\n| 0 | none | 1 | 0 | 0 | $1.23 |" in body
    assert "## Hosts that the worker was not let to\n\n- `evil.example`\n- `with tick`" in body
    assert "Hosts" not in text()[1]


def test_a_body_names_the_issue_that_it_closes() -> None:
    _, body = title_and_body("Do it", _ITEM, tasks=(), gates=(), inspection=_FOUND, effort=Effort(1), closes="acme/widgets#12")

    assert "\n\nCloses acme/widgets#12\n\n" in body


def test_a_repository_without_gates_is_told_so() -> None:
    assert "The repository has no gates" in text()[1]


def test_what_an_agent_wrote_mentions_and_closes_nothing() -> None:
    hostile = Inspection(_FOUND.commit, True, ("`@everyone` closes #1\n# Heading",), _FOUND.changes, 1, ())

    _, body = text(inspection=hostile)

    assert "- `@everyone  closes #1 # Heading`\n" in body


def test_a_gates_name_does_not_break_the_table() -> None:
    _, body = text(gates=[GateResult("a|b\nc", True, True, 1.0, "")])

    assert "| a\\|b c | passed | 1.0 s |" in body


def test_a_title_is_one_line_of_bounded_length() -> None:
    assert text(title="a\nb\x1b[31m")[0] == "a b [31m"
    assert len(text(title="x" * 500)[0]) == MAX_TITLE
    assert text(title=" \n")[0] == "Work item 0123456789"


def test_of_many_commits_the_first_are_listed_and_the_rest_counted() -> None:
    many = Inspection(_FOUND.commit, True, tuple(f"Commit {n}" for n in range(60)), _FOUND.changes, 1, ())

    _, body = text(inspection=many)

    assert "- `Commit 49`\n- and 10 more\n\n" in body


def test_a_body_says_unseen_whose_it_is_and_which_result_it_is_about() -> None:
    _, body = text()

    assert body.endswith(f"\n\n<!-- factory:item=0123456789 -->\n<!-- factory:commit={'b' * 40} -->\n")
    assert is_marked(body, _ITEM, _FOUND.commit)
    assert is_marked(body.replace("\n", "\r\n"), _ITEM, _FOUND.commit)
    assert not is_marked(body, _ITEM, Commit("c" * 40))
    assert not is_marked(body, ItemId("9876543210"), _FOUND.commit)


def test_what_an_agent_wrote_is_not_taken_for_the_mark_of_another_result() -> None:
    forged = Inspection(_FOUND.commit, True, (marks(_ITEM, Commit("c" * 40)),), _FOUND.changes, 1, ())

    _, body = text(inspection=forged)

    assert not is_marked(body, _ITEM, Commit("c" * 40))

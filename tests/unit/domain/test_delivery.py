"""The steps of a publication and the review before it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.domain.delivery import Clean, Problem, Rules, Step, StepEnd, digest, next_step, review
from factory.domain.ids import Commit
from factory.domain.inspection import GITLINK, GONE, SYMLINK, Change, Inspection

_COMMIT = Commit("b" * 40)
_GOOD = Inspection(_COMMIT, True, ("Do it",), (Change("src/a.py", "100644", 100, False),), 10, ())


def judged(inspection: Inspection, locked: dict[str, str] | None = None, done: Commit = _COMMIT) -> Clean | Problem:
    return review(inspection, Rules(), locked or {}, done)


def with_change(path: str, mode: str = "100644", size: int = 10, target: str = "") -> Inspection:
    return replace(_GOOD, changes=(Change(path, mode, size, False, target),))


# -- steps ------------------------------------------------------------------------------------------------------------


def test_a_good_result_goes_through_all_steps_in_order() -> None:
    steps = [Step.IMPORT]
    while steps[-1] is not Step.OVER:
        steps.append(next_step(steps[-1], StepEnd.PASSED))

    assert steps == [Step.IMPORT, Step.CHECK, Step.VERIFY, Step.PUSH, Step.OPEN, Step.RECORD, Step.OVER]


@pytest.mark.parametrize("step", [Step.IMPORT, Step.CHECK, Step.VERIFY, Step.PUSH, Step.OPEN])
def test_a_refused_result_is_rejected_and_then_over(step: Step) -> None:
    assert next_step(step, StepEnd.REFUSED) is Step.REJECT
    assert next_step(Step.REJECT, StepEnd.PASSED) is Step.OVER


@given(step=st.sampled_from(Step))
def test_a_step_that_could_not_be_done_is_repeated_and_a_stale_one_ends_it(step: Step) -> None:
    assert next_step(step, StepEnd.AGAIN) is (Step.PUSH if step is Step.OPEN else step)
    assert next_step(step, StepEnd.MORE) is step
    assert next_step(step, StepEnd.STALE) is Step.OVER


@given(ends=st.lists(st.sampled_from(StepEnd), max_size=40))
def test_nothing_is_pushed_before_it_was_checked_and_verified(ends: list[StepEnd]) -> None:
    step, seen = Step.IMPORT, {Step.IMPORT}
    for end in ends:
        step = next_step(step, end)
        seen.add(step)
        assert step is not Step.PUSH or {Step.CHECK, Step.VERIFY} <= seen
        assert step is not Step.RECORD or {Step.PUSH, Step.OPEN} <= seen


def test_nothing_is_opened_after_a_pause_without_a_look_at_the_branch() -> None:
    assert next_step(Step.OPEN, StepEnd.AGAIN) is Step.PUSH


def test_an_approval_is_for_one_result_on_one_base() -> None:
    assert digest("a" * 40, "b" * 40) == digest("a" * 40, "b" * 40)
    assert len({digest("a" * 40, "b" * 40), digest("a" * 40, "c" * 40), digest("c" * 40, "b" * 40)}) == 3


# -- review -----------------------------------------------------------------------------------------------------------


def test_an_ordinary_result_is_clean() -> None:
    assert judged(_GOOD) == Clean()


@pytest.mark.parametrize(
    "inspection",
    [
        replace(_GOOD, descends=False),
        replace(_GOOD, commits=()),
        replace(_GOOD, changes=()),
        replace(_GOOD, commit=Commit("c" * 40)),
    ],
)
def test_what_is_no_result_costs_the_agent_its_attempt(inspection: Inspection) -> None:
    verdict = judged(inspection)

    assert isinstance(verdict, Problem)
    assert verdict.failure == "agent"


@pytest.mark.parametrize(
    "path",
    [
        ".github/workflows/ci.yml",
        ".github/workflows/deep/ci.yml",
        ".GitHub/Workflows/ci.yml",
        ".github/actions/x/action.yml",
        "CODEOWNERS",
        ".github/CODEOWNERS",
        "docs/CODEOWNERS",
        ".claude/settings.json",
        "packages/web/.claude/settings.local.json",
        ".mcp.json",
        ".factory.toml",
        ".githooks/pre-commit",
        ".husky/pre-push",
        ".pre-commit-config.yaml",
        ".gitmodules",
    ],
)
@pytest.mark.parametrize("mode", ["100644", GONE])
def test_guarded_files_need_a_persons_yes_also_to_be_deleted(path: str, mode: str) -> None:
    """S6: guarded paths."""
    verdict = judged(with_change(path, mode))

    assert verdict == Problem("policy", f"A person has to look at it: {path} is guarded.", f"{path} is guarded")


@pytest.mark.parametrize("path", ["github/workflows/ci.yml", "src/CODEOWNERS.md", "claude/x", "docs/factory.toml", "x.gitmodules"])
def test_files_with_similar_names_are_not_guarded(path: str) -> None:
    assert judged(with_change(path)) == Clean()


@pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "../../../etc", "", "a/../../../x", "../.git/config"])
def test_links_out_of_the_repository_need_a_persons_yes(target: str) -> None:
    verdict = judged(with_change("src/link", SYMLINK, 5, target))

    assert isinstance(verdict, Problem)
    assert "link out of the repository" in verdict.sentence


@pytest.mark.parametrize("target", ["a.py", "../README.md", "./x/../y", "../src/./b"])
def test_links_inside_the_repository_are_fine(target: str) -> None:
    assert judged(with_change("src/link", SYMLINK, 5, target)) == Clean()


@pytest.mark.parametrize("path", [".claude", "web/.claude", ".github", ".GitHub", ".github/workflows", ".husky", "CODEOWNERS", "src/gen"])
@pytest.mark.parametrize("mode", [SYMLINK, GITLINK])
def test_a_link_stands_for_all_that_may_be_reached_below_it(path: str, mode: str) -> None:
    """S6: links and submodules."""
    verdict = review(with_change(path, mode, 5, "/nowhere"), Rules(guarded=(*Rules().guarded, "src/*.yml")), {}, _COMMIT)

    assert isinstance(verdict, Problem)
    assert f"{path} is guarded" in verdict.evidence


def test_a_guarded_link_that_is_taken_away_is_guarded() -> None:
    gone = Change(".claude", GONE, 0, False, was_link=True)

    assert isinstance(judged(replace(_GOOD, changes=(gone,))), Problem)


@pytest.mark.parametrize(
    ("links", "path", "name"),
    [
        ([(".claude", "tools/c")], "tools/c/settings.json", ".claude/settings.json"),
        ([(".claude", "tools/c")], "Tools/C", ".claude"),
        ([("web/.claude", "../tools/./c")], "tools/c/x", "web/.claude/x"),
        ([(".claude", "x/c"), ("x", "y")], "y/c/z", ".claude/z"),
        ([("CODEOWNERS", "meta/owners")], "meta/owners", "codeowners"),
        ([(".github", ".")], "workflows/ci.yml", ".github/workflows/ci.yml"),
        ([("self", "."), (".claude", "tools/c")], "tools/c/x", ".claude/x"),
    ],
)
def test_what_lies_behind_a_guarded_link_of_the_base_is_guarded(links: list[tuple[str, str]], path: str, name: str) -> None:
    verdict = judged(replace(with_change(path, SYMLINK if name == ".claude" else "100644", 5, "a"), base_links=tuple(links)))

    assert isinstance(verdict, Problem)
    assert verdict.evidence == f"{path} is guarded as {name}"


@pytest.mark.parametrize("links", [[("lib", "src")], [("a", "b"), ("b", "a")], [("self", ".")], [("out", "../src")], [("out", "/src")]])
def test_other_links_of_the_base_guard_nothing(links: list[tuple[str, str]]) -> None:
    assert judged(replace(_GOOD, base_links=tuple(links))) == Clean()


def test_what_only_an_earlier_commit_shows_needs_a_persons_yes() -> None:
    passing = (Change(".github/workflows/e.yml", "100644", 10, False), Change("big", "100644", 5_000_001, False))

    verdict = judged(replace(_GOOD, passing=passing))

    assert isinstance(verdict, Problem)
    assert verdict.evidence.startswith(".github/workflows/e.yml is guarded in an earlier commit\nbig has")


def test_what_could_not_be_looked_at_needs_a_persons_yes() -> None:
    assert judged(replace(_GOOD, unseen=("it is large",))) == Problem("policy", "A person has to look at it: it is large.", "it is large")


def test_submodules_need_a_persons_yes() -> None:
    """S6: links and submodules."""
    assert isinstance(judged(with_change("module", GITLINK, 0)), Problem)


@pytest.mark.parametrize(
    ("at_the_limit", "over"),
    [
        (replace(_GOOD, added_lines=5_000), replace(_GOOD, added_lines=5_001)),
        (with_change("big", size=5_000_000), with_change("big", size=5_000_001)),
        (
            replace(_GOOD, changes=tuple(Change(f"{n}", "100644", 1, False) for n in range(200))),
            replace(_GOOD, changes=tuple(Change(f"{n}", "100644", 1, False) for n in range(201))),
        ),
    ],
)
def test_sizes_are_allowed_up_to_their_limit(at_the_limit: Inspection, over: Inspection) -> None:
    assert judged(at_the_limit) == Clean()
    assert isinstance(judged(over), Problem)


def test_what_looks_like_a_credential_is_told_by_place_and_kind() -> None:
    verdict = judged(replace(_GOOD, secrets=("a.env:3: GitHub token",)))

    assert verdict == Problem(
        "policy",
        "A person has to look at it: a.env:3: GitHub token (may be a credential).",
        "a.env:3: GitHub token (may be a credential)",
    )


def test_files_locked_by_other_items_need_a_persons_yes() -> None:
    verdict = judged(_GOOD, {"src/a.py": "zzzzzzzzzz-1", "other.py": "zzzzzzzzzz-1"})

    assert isinstance(verdict, Problem)
    assert verdict.evidence == "src/a.py is locked by zzzzzzzzzz-1"


def test_many_findings_make_one_short_sentence_and_bounded_evidence() -> None:
    changes = tuple(Change(f".claude/{n:0100}", "100644", 1, False) for n in range(150))

    verdict = judged(replace(_GOOD, changes=changes))

    assert isinstance(verdict, Problem)
    assert verdict.sentence.endswith(" and 147 more.")
    assert len(verdict.evidence) == 4_000

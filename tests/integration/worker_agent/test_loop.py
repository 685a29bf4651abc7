import hashlib
import re
from pathlib import Path

import pytest

from tests.integration.worker_agent.workshop import Workshop, gate, git, make_workshop
from worker_agent.attempt import Ending
from worker_agent.bundle import Result
from worker_agent.outcome import Failed, Finished, Stuck


def _result(ending: Ending) -> Result:
    assert isinstance(ending.outcome, Finished), ending
    return ending.outcome.result


def _stuck(ending: Ending) -> str:
    assert isinstance(ending.outcome, Stuck), ending
    return ending.outcome.reason


def _failed(ending: Ending) -> Failed:
    assert isinstance(ending.outcome, Failed), ending
    return ending.outcome


# -- the result -------------------------------------------------------------------------------------------------------


def test_an_attempt_ends_with_a_bundle_of_exactly_its_commits(workshop: Workshop, tmp_path: Path) -> None:
    ending = workshop.work("tick(); commit(); print('tokens: 7')")

    result = _result(ending)
    branch = workshop.branch
    fresh = tmp_path / "fresh.git"
    git(tmp_path, "clone", "-q", "--bare", str(workshop.mirror), str(fresh))
    git(fresh, "fetch", "-q", str(workshop.site.folders.out / result.file), f"refs/heads/{branch}:refs/heads/{branch}")
    assert git(fresh, "rev-parse", branch) == result.commit
    assert git(fresh, "log", "--format=%s %an", f"main..{branch}").splitlines() == ["turn 2 factory", "turn 1 factory"]
    assert (result.commits, result.files_changed) == (2, 1)
    assert (ending.iterations, ending.tokens) == (2, 14)


def test_sha256_and_size_are_those_of_the_file(workshop: Workshop) -> None:
    result = _result(workshop.work("tick(2); commit()"))

    content = (workshop.site.folders.out / result.file).read_bytes()
    assert (result.sha256, result.size) == (hashlib.sha256(content).hexdigest(), len(content))


def test_submodules_stay_empty_and_an_event_says_so(tmp_path: Path) -> None:
    modules = "".join(f'[submodule "{name}"]\n\tpath = lib/{name}\n\turl = ../{name}.git\n' for name in ("a", "b"))
    workshop = make_workshop(tmp_path, {".gitmodules": modules})

    workshop.work("tick(2); commit()")

    (told,) = [data for kind, data in workshop.contact.events if kind == "ATTEMPT.WORKSPACE.READY"]
    sentence = "Submodules are not initialised (lib/a, lib/b): their folders are empty, and a result that changes one needs approval."
    assert told["note"] == sentence


def test_without_submodules_no_event_speaks_of_them(workshop: Workshop) -> None:
    workshop.work("tick(2); commit()")

    assert all("note" not in data for _, data in workshop.contact.events)


def test_each_step_leaves_its_event_in_order(workshop: Workshop) -> None:
    workshop.work("tick(); commit()", gates=(gate("build", "true"), gate("style", "false", required=False)))

    assert workshop.contact.kinds() == [
        "WORKSPACE.READY",
        "ITERATION.STARTED", "ITERATION.SUCCESS",
        "ITERATION.STARTED", "ITERATION.SUCCESS",
        "GATE.PASSED", "GATE.FAILED",
        "BUNDLE.READY",
    ]  # fmt: skip
    data = [data for kind, data in workshop.contact.events if kind == "ATTEMPT.ITERATION.SUCCESS"]
    assert [(d["iteration"], d["commits"], d["open_tasks"], d["rc"]) for d in data] == [(1, 1, 1, 0), (2, 2, 0, 0)]


def test_learnings_come_back_clean_and_bounded(workshop: Workshop) -> None:
    lines = "(notes / 'new-learnings.md').write_text('- use \\x1b[31mmake\\n\\n' + 'x' * 900 + '\\n' + 'y\\n' * 60)"
    result = _result(workshop.work(f"tick(2); commit(); {lines}"))

    assert result.learnings[:3] == ("use  [31mmake", "x" * 500, "y")
    assert len(result.learnings) == 50


def test_a_link_in_the_place_of_the_bundle_is_not_followed(workshop: Workshop, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")

    result = _result(workshop.work(f"tick(2); commit(); os.symlink({str(victim)!r}, env['HOME'] + '/../out/result.bundle')"))

    assert victim.read_text() == "precious"
    assert not (workshop.site.folders.out / result.file).is_symlink()


# -- the workspace ----------------------------------------------------------------------------------------------------


def test_the_engine_finds_its_task_its_notes_and_nothing_of_the_factory(workshop: Workshop) -> None:
    dump = "print(sorted(env), spec.relative_to(Path.cwd()), (notes / 'learnings.md').read_text(), env['FACTORY_BASE'])"
    prior = "print((notes / 'previous-attempt.md').read_text(), git('remote'), env['HOME'], sys.stdin.read() == '')"

    workshop.work(f"{dump}; {prior}; tick(2); commit()", learnings=("be kind",), previous="it was red")

    said = workshop.contact.logs["agent"].decode()
    names = re.findall(r"'(\w+)'", said.splitlines()[0])
    assert set(names) - {"LC_CTYPE"} == {
        "FACTORY_BASE", "FACTORY_BRANCH", "FACTORY_EPOCH", "FACTORY_ITEM", "FACTORY_ITERATION", "FACTORY_NOTES",
        "FACTORY_SPEC", "FACTORY_WORKER", "HOME", "LANG", "PATH", "TERM", "TMPDIR",
    }  # fmt: skip
    for words in ("SPEC.md #", "> - be kind\n", "it was red", "None", str(workshop.site.folders.home), "True", workshop.base):
        assert words in said


def test_the_engine_reads_the_operators_notes_and_no_commit_has_them(workshop: Workshop) -> None:
    workshop.contact.told = ("use tabs", "not that library")

    result = _result(workshop.work("print((notes / 'notes.md').read_text()); tick(2); commit()"))

    assert "use tabs\n\nnot that library\n" in workshop.contact.logs["agent"].decode()
    assert workshop.git("ls-tree", "-r", "--name-only", result.commit).splitlines() == ["README.md", "work.txt"]
    given = [data for kind, data in workshop.contact.events if kind == "ATTEMPT.NOTES.GIVEN"]
    assert given == [{"iteration": 1, "notes": 2}]


def test_spec_and_notes_are_in_no_commit(workshop: Workshop) -> None:
    _result(workshop.work("tick(2); commit()"))

    assert workshop.git("ls-tree", "-r", "--name-only", "HEAD").splitlines() == ["README.md", "work.txt"]


@pytest.mark.parametrize("own", ["SPEC.md", ".ai/notes.md"])
def test_a_repository_with_such_files_of_its_own_keeps_them(tmp_path: Path, own: str) -> None:
    workshop = make_workshop(tmp_path, {own: "ours\n"})

    _result(workshop.work("assert spec.parent.name == notes.name == '.factory'; tick(2); commit()"))

    assert workshop.git("ls-tree", "-r", "--name-only", "HEAD").splitlines() == [*sorted([own, "README.md"]), "work.txt"]
    assert (workshop.repo / own).read_text() == "ours\n"


def test_a_bundle_file_can_be_the_source(workshop: Workshop, tmp_path: Path) -> None:
    bundle = tmp_path / "source.bundle"
    git(workshop.mirror, "bundle", "create", str(bundle), "--all")

    _result(workshop.work("tick(2); commit()", source=str(bundle)))


def test_a_commit_behind_the_branch_can_be_the_base(workshop: Workshop, tmp_path: Path) -> None:
    git(tmp_path / "tree", "commit", "-q", "--allow-empty", "-m", "later")
    git(tmp_path / "tree", "push", "-q", str(workshop.mirror), "main")

    result = _result(workshop.work("tick(2); commit()"))

    assert result.commits == 1
    assert workshop.git("rev-parse", "HEAD~1") == workshop.base


# -- what counts as done ----------------------------------------------------------------------------------------------


def test_a_red_required_gate_sends_its_output_into_another_iteration(workshop: Workshop) -> None:
    body = "tick(2); commit('fixed.txt' if 'no such luck' in (notes / 'gate-failure.md').read_text() else 'work.txt')"

    ending = workshop.work(
        f"(notes / 'gate-failure.md').touch(); {body}",
        gates=(gate("check", "test -f fixed.txt || { echo no such luck; exit 1; }"),),
    )

    assert (_result(ending).commits, ending.iterations) == (2, 2)
    assert workshop.contact.kinds()[-4:] == ["ITERATION.STARTED", "ITERATION.SUCCESS", "GATE.PASSED", "BUNDLE.READY"]
    assert b"no such luck" in workshop.contact.logs["gate"]


def test_a_gate_that_takes_too_long_is_red(workshop: Workshop) -> None:
    ending = workshop.work("tick(2); commit()", gates=(gate("slow", "sleep 600", timeout=0.2),), max_iterations=1)

    assert "ended after 0.2 seconds" in _failed(ending).evidence


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("tick(2)", "There is no commit yet"),
        ("tick(2); commit(); Path('left.txt').touch()", "not clean"),
        ("tick(2); commit(); Path('README.md').write_text('x')", "not clean"),
        ("tick(2); git('checkout', '-qb', 'mine'); commit()", "not on the branch factory/"),
        ("tick(2); git('commit', '-q', '--amend', '-m', 'mine')", "base was rewritten"),
        ("tick(2); git('add', '-f', 'SPEC.md'); commit()", "must not be in a commit: SPEC.md"),
    ],
    ids=["no commit", "new file", "changed file", "other branch", "rewritten", "spec committed"],
)
def test_ticked_boxes_alone_are_not_done_and_a_note_says_what_is_missing(workshop: Workshop, body: str, words: str) -> None:
    ending = workshop.work(body, max_iterations=1)

    assert words in _failed(ending).evidence
    assert words in (workshop.repo / ".ai" / "gate-failure.md").read_text()


def test_ignored_files_do_not_make_the_tree_dirty(workshop: Workshop) -> None:
    _result(workshop.work("tick(2); Path('.gitignore').write_text('*.log'); commit(); Path('a.log').touch()"))


def test_deleting_boxes_is_not_ticking_them(workshop: Workshop) -> None:
    ending = workshop.work("spec.write_text('- [x] all'); commit()", max_iterations=1)

    assert _failed(ending).reason == "All 1 iterations are used, and 1 of 2 tasks are open."


# -- failing and being stuck ------------------------------------------------------------------------------------------


def test_a_failing_iteration_is_an_event_and_not_the_end(workshop: Workshop) -> None:
    ending = workshop.work("tick(); commit(); sys.exit('broken' if turn == 1 else 0)")

    _result(ending)
    assert workshop.contact.kinds()[1:5] == ["ITERATION.STARTED", "ITERATION.FAILED", "ITERATION.STARTED", "ITERATION.SUCCESS"]


def test_the_same_error_again_and_again_is_stuck(workshop: Workshop) -> None:
    ending = workshop.work("tick(); commit(); sys.exit(f'error {turn} at 0x{id(env):x}')", spec="- [ ] a\n" * 9)

    assert _stuck(ending) == "3 iterations in a row ended with the same error; in the last one the agent ended with exit code 1."
    assert ending.iterations == 3


def test_iterations_without_a_commit_that_ticks_a_box_are_stuck(workshop: Workshop) -> None:
    ending = workshop.work("commit() if turn % 2 else tick(0)", stuck_after=2)

    assert _stuck(ending) == "2 iterations in a row brought no commit that ticks a box."


def test_the_agent_may_say_itself_that_it_is_stuck(workshop: Workshop) -> None:
    ending = workshop.work("(notes / 'stuck.md').write_text('no key')")

    assert _stuck(ending) == "The agent says: no key"


def test_used_up_iterations_are_a_failure_of_the_agent(workshop: Workshop) -> None:
    ending = workshop.work("commit(); print('half')", max_iterations=2)

    assert _failed(ending).failure == "agent"
    assert ending.iterations == 2


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ("command:/no/such/program", "'/no/such/program' is not there or not executable"),
        ("command:README.md", "'README.md' is not there"),
        ("command:./README.md", "not executable"),
        ("command:", "names no program"),
        ("command:'open", "cannot be split"),
        ("nosuch:x", "There is no engine 'nosuch:x'"),
    ],
)
def test_an_engine_that_cannot_be_run_is_for_a_person(workshop: Workshop, engine: str, words: str) -> None:
    failed = _failed(workshop.run(workshop.assign(engine)))

    assert failed.failure == "policy"
    assert words in failed.reason


def test_a_program_of_the_repository_can_be_the_engine(tmp_path: Path) -> None:
    workshop = make_workshop(tmp_path, {"tool.py": ""})
    engine = Path(workshop.engine("tick(2); commit()").removeprefix("command:"))
    (tmp_path / "tree" / "tool.py").write_text(engine.read_text())
    (tmp_path / "tree" / "tool.py").chmod(0o755)
    git(tmp_path / "tree", "commit", "-qam", "tool")
    git(tmp_path / "tree", "push", "-q", str(workshop.mirror), "main")

    _result(workshop.run(workshop.assign("command:./tool.py", base_commit=git(tmp_path / "tree", "rev-parse", "HEAD"))))


@pytest.mark.parametrize(
    ("change", "failure", "words"),
    [
        ({"spec": "nothing to do"}, "policy", "has no tasks"),
        ({"source": "/no/such/mirror"}, "infra", "does not appear to be a git repository"),
        ({"base_commit": "1" * 40}, "infra", "does not hold the commit"),
    ],
    ids=["spec", "source", "commit"],
)
def test_what_is_wrong_before_the_first_iteration_has_its_class(
    workshop: Workshop, change: dict[str, str], failure: str, words: str
) -> None:
    failed = _failed(workshop.work("tick(2); commit()", **change))

    assert (failed.failure, words in failed.reason) == (failure, True), failed


@pytest.mark.parametrize(
    "body",
    [
        "import shutil; shutil.rmtree('.git')",
        "import shutil; shutil.rmtree(os.getcwd())",
        "tick(2); import shutil; shutil.rmtree(notes); notes.touch()",
    ],
    ids=["no .git", "no clone", "no folder for notes"],
)
def test_an_engine_that_breaks_the_clone_has_failed(workshop: Workshop, body: str) -> None:
    assert _failed(workshop.work(body)).failure == "agent"


def test_the_base_branchs_commit_is_there_to_be_merged_under_its_usual_name(workshop: Workshop, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "theirs.txt").write_text("x\n")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "theirs")
    git(tree, "push", "-q", str(workshop.mirror), "main")
    theirs = git(tree, "rev-parse", "HEAD")

    result = _result(workshop.work("commit(); git('merge', '-q', '-m', 'Merge', 'origin/main'); tick(2)", merge_commit=theirs))

    assert workshop.git("rev-parse", f"{result.commit}^2") == theirs
    assert workshop.git("remote") == ""

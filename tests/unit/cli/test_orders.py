"""What was typed becomes an order, or one sentence that says why not."""

import subprocess
from pathlib import Path

import pytest

from factory.cli.orders import Priority, Wish, make_order, whole_engine
from factory.domain.ids import is_item_id
from factory.errors import InvalidInput, Refused, Retryable

_SECONDS = 30
_SPEC = "# Say hello\n\n- [ ] one\n\n## Files\n\n- `a.txt`\n"


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, timeout=_SECONDS)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "trunk")
    (folder / "a.txt").write_text("hi")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


@pytest.fixture
def wish(repo: Path, tmp_path: Path) -> Wish:
    spec = tmp_path / "SPEC.md"
    spec.write_text(_SPEC)
    agent = tmp_path / "agent.sh"
    agent.write_text("#!/bin/sh\n")
    agent.chmod(0o755)
    return Wish(str(repo), spec, f"command:{agent}")


def refused(wish: Wish) -> str:
    with pytest.raises(InvalidInput) as caught:
        make_order(wish)
    return str(caught.value)


def changed(wish: Wish, **changes: object) -> Wish:
    fields = {name: getattr(wish, name) for name in Wish.__dataclass_fields__}
    return Wish(**{**fields, **changes})


def test_an_order_is_made_whole(wish: Wish, repo: Path) -> None:
    order = make_order(changed(wish, priority=Priority.CRITICAL, delay=5.0))

    assert is_item_id(order.item)
    assert order.command != make_order(wish).command
    assert (order.repo, order.base_branch, order.title) == (str(repo), "trunk", "Say hello")
    assert (order.spec, order.files) == (_SPEC, ("a.txt",))
    assert (order.priority, order.delay) == (0, 5.0)


def test_a_folder_inside_a_repository_means_the_repository(wish: Wish, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / "inner").mkdir()
    monkeypatch.chdir(repo / "inner")

    assert make_order(changed(wish, repo=".")).repo == str(repo)


def test_a_bare_repository_is_taken_as_it_is(wish: Wish, repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(repo), "bare.git")

    order = make_order(changed(wish, repo=str(tmp_path / "bare.git")))

    assert (order.repo, order.base_branch) == (str(tmp_path / "bare.git"), "trunk")


def test_a_url_is_asked_for_its_default_branch(wish: Wish, repo: Path) -> None:
    order = make_order(changed(wish, repo=f"file://{repo}"))

    assert (order.repo, order.base_branch) == (f"file://{repo}", "trunk")


def test_a_repository_found_in_the_environment_of_a_hook_is_not_meant(
    wish: Wish, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(repo / ".git"))

    assert "is no git repository" in refused(changed(wish, repo=str(tmp_path)))


def test_work_that_is_not_committed_is_told_of(wish: Wish, repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_order(wish)
    assert capsys.readouterr().err == ""

    (repo / "a.txt").write_text("changed")
    make_order(wish)
    assert "has uncommitted changes" in capsys.readouterr().err


def test_a_place_that_is_no_repository_is_refused(wish: Wish, tmp_path: Path) -> None:
    assert refused(changed(wish, repo=str(tmp_path / "gone"))) == f"--repo: there is no folder {tmp_path / 'gone'}."
    assert "is no git repository (fatal: not a git repository" in refused(changed(wish, repo=str(tmp_path)))
    assert "cannot be read (fatal: " in refused(changed(wish, repo=f"file://{tmp_path}/gone"))


def test_a_repository_that_does_not_answer_may_answer_later(wish: Wish) -> None:
    with pytest.raises(Retryable, match=r"http://127\.0\.0\.1:9/x\.git cannot be read \(fatal: "):
        make_order(changed(wish, repo="http://127.0.0.1:9/x.git"))


@pytest.mark.parametrize("address", ["https://me:hunter2@example.org/x.git", "https://ghp_hunter2@github.com/o/r"])
def test_a_password_in_a_url_is_not_sent_on(wish: Wish, address: str) -> None:
    sentence = refused(changed(wish, repo=address))

    assert "holds a password" in sentence
    assert "hunter2" not in sentence


def test_a_branch_must_be_there(wish: Wish, repo: Path) -> None:
    assert refused(changed(wish, base="gone")) == f"--base: {repo} has no branch gone with a commit on it; there is trunk."

    git(repo, "checkout", "-q", "--detach")
    assert "has no branch checked out: name the one to start from with --base" in refused(wish)
    assert make_order(changed(wish, base="trunk")).base_branch == "trunk"


def test_an_empty_repository_is_refused(wish: Wish, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "empty")

    assert refused(changed(wish, repo=str(tmp_path / "empty"))) == f"--repo: {tmp_path}/empty has no commit yet; make one on main first."


def test_a_repository_with_large_files_outside_git_is_refused(wish: Wish, repo: Path) -> None:
    (repo / "art").mkdir()
    (repo / "art" / ".gitattributes").write_text("# *.txt filter=lfs\n*.psd filter=lfs diff=lfs merge=lfs -text\n")
    git(repo, "add", ".")
    assert make_order(wish).repo == str(repo), "what is not committed does not count"
    git(repo, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "art")

    said = "keeps files in Git LFS (*.psd), which workers can neither fetch nor store: it cannot be worked on."
    assert refused(wish) == f"--repo: {repo} {said}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"# Nothing to do\n", "The spec has no tasks"),
        (b"", "The spec has no tasks"),
        (b"- [ ] x\0", "The spec is a binary file"),
        (b"\xff\xfe- [ ] x", "is not UTF-8 text"),
        (b"- [ ] x\n" + b"x" * 1_000_000, "are allowed"),
        (b"- [ ] x\n\n## Files\n\n- ../y\n", "not a path inside the repository"),
    ],
)
def test_a_spec_that_cannot_be_worked_on_is_refused_before_anything_is_sent(wish: Wish, content: bytes, said: str) -> None:
    wish.spec.write_bytes(content)

    sentence = refused(wish)

    assert said in sentence
    assert sentence.startswith(f"--spec {wish.spec}: ")


def test_a_spec_that_is_not_there_is_refused(wish: Wish, tmp_path: Path) -> None:
    assert "cannot be read: No such file" in refused(changed(wish, spec=tmp_path / "gone.md"))
    assert "cannot be read: Is a directory" in refused(changed(wish, spec=tmp_path))


def test_a_title_is_the_first_heading_or_what_was_given(wish: Wish) -> None:
    assert make_order(changed(wish, title="Other")).title == "Other"
    assert len(make_order(changed(wish, title="x" * 500)).title) == 200


def test_a_program_given_by_a_path_becomes_absolute(wish: Wish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert whole_engine("command:./agent.sh --flag 'two words'") == f"command:{tmp_path}/agent.sh --flag 'two words'"


def test_claude_names_a_program_only_where_it_was_given_one() -> None:
    assert whole_engine("claude") == "claude"
    assert whole_engine("claude:/bin/sh") == "claude:/bin/sh"


def test_a_program_without_a_path_is_looked_up_where_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert whole_engine("command:sh -c 'true'") == "command:sh -c 'true'"
    assert capsys.readouterr().err == ""

    assert whole_engine("command:no-such-agent") == "command:no-such-agent"
    assert "no program no-such-agent on this PATH" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ("claude:fast", "is no program that can be run"),
        ("gpt", "there is no engine 'gpt'"),
        ("./agent.sh", "there is no engine './agent.sh'"),
        ("command:", "no program is named"),
        ("command:'", "cannot be read as a command"),
        ("command:./gone", "is no program that can be run"),
        ("command:/etc/passwd", "is no program that can be run"),
    ],
)
def test_an_engine_that_cannot_run_is_refused(engine: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        whole_engine(engine)


def test_an_order_names_the_labels_that_it_needs(wish: Wish) -> None:
    assert make_order(changed(wish, needs="gpu, big")).needs == ("gpu", "big")
    assert refused(changed(wish, needs="GPU")) == "--needs: 'GPU' is no label: use lower-case letters, digits and . _ = -, at most 39."

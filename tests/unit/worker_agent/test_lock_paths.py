import json
from pathlib import Path

import pytest

from worker_agent.lock_paths import Ground, NoSuchEdit, files_to_lock, read_event


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    repo = tmp_path / "W" / "work" / "repo"
    for folder in (repo / "src", repo / ".ai", tmp_path / "W" / "home", tmp_path / "W" / "tmp", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
    return Ground(repo, (repo / "SPEC.md", repo / ".ai", tmp_path / "W" / "home", tmp_path / "W" / "tmp"))


def locks(ground: Ground, path: str, tool: str = "Edit", cwd: str = "", key: str = "file_path") -> tuple[str, ...]:
    event = {"hook_event_name": "PreToolUse", "tool_name": tool, "cwd": cwd or str(ground.repo), "tool_input": {key: path, "content": "x"}}
    return files_to_lock(read_event(json.dumps(event).encode()), ground)


@pytest.mark.parametrize("tool", ["Write", "Edit", "MultiEdit"])
def test_a_file_of_the_repository_is_locked_under_its_name_there(ground: Ground, tool: str) -> None:
    assert locks(ground, f"{ground.repo}/src/new.py", tool) == ("src/new.py",)


def test_a_notebook_is_named_by_a_key_of_its_own(ground: Ground) -> None:
    assert locks(ground, f"{ground.repo}/a.ipynb", "NotebookEdit", key="notebook_path") == ("a.ipynb",)


def test_a_relative_path_counts_from_the_folder_of_the_call(ground: Ground) -> None:
    assert locks(ground, "a.py", cwd=f"{ground.repo}/src") == ("src/a.py",)
    assert locks(ground, "../a.py", cwd=f"{ground.repo}/src") == ("a.py",)


@pytest.mark.parametrize("path", ["repo/SPEC.md", "repo/.ai/stuck.md", "../home/.claude/plans/p.md", "../tmp/scratch.txt"])
def test_what_is_the_workers_own_needs_no_lock(ground: Ground, path: str) -> None:
    assert locks(ground, str(ground.repo.parent / path)) == ()


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../../in/link.key", "../repo2/a.py", "..", ".", "", "a\0b", ".git/config", ".GIT/hooks/x", "src/../../out/x"],
)
def test_everything_else_is_refused(ground: Ground, path: str) -> None:
    with pytest.raises(NoSuchEdit):
        locks(ground, path)


def test_a_link_is_locked_with_what_it_leads_to(ground: Ground) -> None:
    (ground.repo / "real.py").touch()
    (ground.repo / "link.py").symlink_to("real.py")
    (ground.repo / "folder").symlink_to("src")

    assert locks(ground, f"{ground.repo}/link.py") == ("link.py", "real.py")
    assert locks(ground, f"{ground.repo}/folder/a.py") == ("src/a.py",)


def test_a_link_out_of_the_repository_is_refused_and_so_is_a_scratch_file_that_is_a_link_into_git(ground: Ground, tmp_path: Path) -> None:
    (ground.repo / "out").symlink_to(tmp_path / "elsewhere" / "x")
    (ground.repo / "folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "W" / "tmp" / "in").symlink_to(ground.repo / ".git" / "config")

    for path in (ground.repo / "out", ground.repo / "folder" / "x", tmp_path / "W" / "tmp" / "in"):
        with pytest.raises(NoSuchEdit):
            locks(ground, str(path))


def test_a_scratch_file_that_is_a_link_into_the_repository_is_locked(ground: Ground, tmp_path: Path) -> None:
    (tmp_path / "W" / "tmp" / "in").symlink_to(ground.repo / "src" / "a.py")

    assert locks(ground, str(tmp_path / "W" / "tmp" / "in")) == ("src/a.py",)


def test_links_in_a_circle_are_refused_or_locked_but_never_end_the_server(ground: Ground) -> None:
    (ground.repo / "a").symlink_to("b")
    (ground.repo / "b").symlink_to("a")

    assert "a" in locks(ground, f"{ground.repo}/a")


@pytest.mark.parametrize("tool", ["Bash", "Read", "", "WriteSomething"])
def test_a_tool_that_is_not_known_to_edit_one_file_is_refused(ground: Ground, tool: str) -> None:
    with pytest.raises(NoSuchEdit):
        locks(ground, "a.py", tool)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"\xff", b'{"tool_name": "Edit"}', b'{"hook_event_name": 1}', b"[" * 100_000], ids=lambda data: data[:12]
)
def test_what_is_no_event_is_refused(data: bytes) -> None:
    with pytest.raises(NoSuchEdit):
        read_event(data)


def test_another_event_than_the_one_before_a_tool_is_refused(ground: Ground) -> None:
    event = {"hook_event_name": "PostToolUse", "tool_name": "Edit", "cwd": str(ground.repo), "tool_input": {"file_path": "a.py"}}

    with pytest.raises(NoSuchEdit):
        files_to_lock(read_event(json.dumps(event).encode()), ground)

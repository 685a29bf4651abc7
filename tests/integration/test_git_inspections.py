"""What an inspection tells of a result, hostile ones above all, and what git may take for it."""

import os

import pytest

from factory.domain.delivery import Problem, Rules, review
from factory.domain.ids import Commit
from factory.domain.inspection import GITLINK, GONE, SYMLINK
from factory.errors import BadResult, RepositoryUnavailable
from factory.integrations import git_command, git_inspect
from factory.integrations.git_command import git as bounded_git
from tests.integration.git_site import BRANCH, NAME, look
from tests.repositories import Tree, git


def test_an_inspection_tells_subjects_changes_sizes_and_added_lines(repositories, remote, worker) -> None:
    worker.commit({"new.txt": "one\ntwo\n"}, "Add new")
    (worker.folder / "old.txt").unlink()
    worker.commit({"data.bin": b"\0\1\2" * 100, "päth with\ttab.txt": "x"}, "Remove old")

    found = look(repositories, remote, worker)

    assert found.descends
    assert found.commits == ("Add new", "Remove old")
    assert found.added_lines == 3
    changes = {change.path: (change.mode, change.size, change.binary) for change in found.changes}
    assert changes == {
        "new.txt": ("100644", 8, False),
        "old.txt": (GONE, 0, False),
        "data.bin": ("100644", 300, True),
        "päth with\ttab.txt": ("100644", 1, False),
    }


def test_attributes_of_the_result_hide_nothing(repositories, remote, worker) -> None:
    commit = worker.commit({".gitattributes": "* binary -diff\n", "key.txt": f"x = ghp_{'a1B2' * 9}\n"})

    found = look(repositories, remote, worker)

    assert found.secrets == (f"key.txt:1 in {commit[:12]}: GitHub token",)
    assert found.added_lines == 2


def test_credentials_are_named_by_place_and_kind_and_never_shown(repositories, remote, worker) -> None:
    token = "github_pat_" + "a1B2" * 6
    lines = ["+++ b/looks/like/a/head", "@@ -1 +1 @@", f"token = {token}", "-----BEGIN RSA PRIVATE KEY-----"]
    commit = worker.commit({"README.md": "A sample\n" + "\n".join(lines), "z.bin": b"\0\0\nAKIA" + b"ABCDEFGHIJKLMNOP\n"})

    found = look(repositories, remote, worker)

    assert found.secrets == (
        f"README.md:4 in {commit[:12]}: GitHub fine-grained token",
        f"README.md:5 in {commit[:12]}: private key",
        f"z.bin:2 in {commit[:12]}: AWS access key",
    )
    assert token not in repr(found)


def test_credentials_that_are_removed_are_no_finding(repositories, remote, worker, tmp_path) -> None:
    remote.push({"leak.txt": f"ghp_{'a1B2' * 9}\n"})
    repositories.refresh(remote.repo, "main")
    mender = remote.worker(tmp_path / "mender")
    (mender.folder / "leak.txt").unlink()
    mender.commit({"fine.txt": "fine\n"})

    assert look(repositories, remote, mender).secrets == ()


# -- all commits of a result, not only the last -----------------------------------------------------------------------


_TOKEN = "ghp_" + "a1B2" * 9


def _delete(worker: Tree, *names: str) -> Commit:
    git(worker.folder, "rm", "--quiet", "-r", *names)
    git(worker.folder, "commit", "--quiet", "--allow-empty", "--message", "Delete")
    return worker.head()


def test_what_one_commit_adds_and_the_next_deletes_is_told(repositories, remote, worker) -> None:
    first = worker.commit({"key.txt": f"{_TOKEN}\n", "big.bin": os.urandom(6_000_000), ".github/workflows/e.yml": "on: push\n"})
    _delete(worker, "key.txt", "big.bin", ".github")
    worker.commit({"fine.txt": "fine\n"})

    found = look(repositories, remote, worker)
    verdict = review(found, Rules(), {}, worker.head())

    assert [change.path for change in found.changes] == ["fine.txt"]
    assert isinstance(verdict, Problem)
    assert verdict.evidence.split("\n") == [
        ".github/workflows/e.yml is guarded in an earlier commit",
        "big.bin has 6000000 bytes, 5000000 are allowed in an earlier commit",
        f"key.txt:1 in {first[:12]}: GitHub token (may be a credential)",
    ]


def test_what_a_merged_history_without_a_common_commit_brings_is_told(repositories, remote, worker) -> None:
    git(worker.folder, "checkout", "--quiet", "--orphan", "other")
    worker.commit({"key.txt": f"{_TOKEN}\n"})
    orphan = _delete(worker, "key.txt")
    git(worker.folder, "checkout", "--quiet", BRANCH)
    git(worker.folder, "merge", "--quiet", "--allow-unrelated-histories", "--message", "Merge", orphan)
    worker.commit({"fine.txt": "fine\n"})

    found = look(repositories, remote, worker)

    assert [place.split(" in ")[0] for place in found.secrets] == ["key.txt:1"]


def test_what_only_a_merge_adds_is_told(repositories, remote, worker) -> None:
    git(worker.folder, "checkout", "--quiet", "-b", "side")
    worker.commit({"a.txt": "a\n"})
    git(worker.folder, "checkout", "--quiet", BRANCH)
    worker.commit({"b.txt": "b\n"})
    git(worker.folder, "merge", "--quiet", "--no-commit", "side")
    worker.commit({".claude/settings.json": "{}\n", "key.txt": f"{_TOKEN}\n"}, "Merge")
    _delete(worker, ".claude", "key.txt")

    found = look(repositories, remote, worker)

    assert ".claude/settings.json" in {change.path for change in found.passing}
    assert any(place.startswith("key.txt:1 in ") for place in found.secrets)


def test_a_credential_in_a_message_is_told_and_its_subject_goes_nowhere(repositories, remote, worker) -> None:
    subject = worker.commit({"a.txt": "a\n"}, f"Use {_TOKEN}")
    body = worker.commit({"b.txt": "b\n"}, f"Fine\n\n{_TOKEN}")
    git(worker.folder, "-c", f"user.name={_TOKEN}", "commit", "--quiet", "--allow-empty", "--author", "A <a@example.org>", "-m", "Last")

    found = look(repositories, remote, worker)

    assert set(found.secrets) == {f"the message in {each[:12]}: GitHub token" for each in (subject, body, worker.head())}
    assert found.commits[1:] == ("Fine", "Last")
    assert _TOKEN not in repr(found)


def test_more_commits_than_can_be_looked_at_are_no_result(repositories, remote, worker, monkeypatch) -> None:
    monkeypatch.setattr(git_inspect, "MAX_COMMITS", 2)
    for name in ("a", "b"):
        worker.commit({name: "x\n"})
    assert len(look(repositories, remote, worker).commits) == 2
    worker.commit({"c": "x\n"})

    with pytest.raises(BadResult, match="more than 2 commits"):
        look(repositories, remote, worker)


def test_a_link_that_is_taken_away_and_the_links_of_the_base_are_told(repositories, remote, tmp_path) -> None:
    (remote.tree.folder / ".claude").symlink_to("tools/c")
    (remote.tree.folder / "deep").mkdir()
    (remote.tree.folder / "deep" / "up").symlink_to("../old.txt")
    remote.push({"tools/c/settings.json": "{}\n"})
    repositories.refresh(remote.repo, "main")
    worker = remote.worker(tmp_path / "later")
    (worker.folder / "deep" / "up").unlink()
    worker.commit({"tools/c/settings.json": '{"hooks": 1}\n'})

    found = look(repositories, remote, worker)
    verdict = review(found, Rules(), {}, worker.head())

    assert sorted(found.base_links) == [(".claude", "tools/c"), ("deep/up", "../old.txt")]
    assert {change.path: change.was_link for change in found.changes} == {"deep/up": True, "tools/c/settings.json": False}
    assert isinstance(verdict, Problem)
    assert verdict.evidence == "tools/c/settings.json is guarded as .claude/settings.json"


# -- results that unpack to more than they seem -----------------------------------------------------------------------


def test_a_file_too_large_to_be_searched_is_told_without_being_searched(repositories, remote, worker, monkeypatch) -> None:
    # Half of what the search would take; git streams the file where it needs no text of it.
    monkeypatch.setattr(git_command, "MEMORY_LIMIT_KIB", 64 * 1024)
    with (worker.folder / "zeros").open("wb") as file:
        file.truncate(100_000_000)
    worker.commit({"a.txt": f"{_TOKEN}\n"})

    found = look(repositories, remote, worker)

    assert {change.path: change.size for change in found.changes}["zeros"] == 100_000_000
    assert found.secrets == ()
    assert found.unseen == ("an object of 100000000 bytes is too large to be searched for credentials",)


def test_a_change_of_a_large_file_of_the_base_is_left_to_a_person_as_well(repositories, remote, tmp_path) -> None:
    remote.push({"large.txt": "0123456789\n" * 1_000_000})
    repositories.refresh(remote.repo, "main")
    worker = remote.worker(tmp_path / "later")
    worker.commit({"large.txt": "small\n"})

    assert look(repositories, remote, worker).unseen == ("an object of 11000000 bytes is too large to be searched for credentials",)


def test_more_text_than_can_be_searched_is_left_to_a_person(repositories, remote, worker, monkeypatch) -> None:
    monkeypatch.setattr(git_inspect, "SCAN_LIMIT", 10_000)
    worker.commit({"a.txt": "0123456789\n" * 1_000})

    assert look(repositories, remote, worker).unseen == ("there are more than 10000 bytes to be searched for credentials",)


def test_git_and_all_it_starts_have_a_bound_of_memory(remote) -> None:
    limits = bounded_git(remote.bare, ["limits"], timeout=30.0, settings=["alias.limits=!sh -c 'ulimit -d'"])

    assert limits.text == f"{git_command.MEMORY_LIMIT_KIB}\n"


def test_a_result_that_needs_more_memory_than_git_has_is_none(repositories, remote, worker, monkeypatch) -> None:
    worker.commit({"data.bin": os.urandom(15_000_000)})
    bundle = worker.bundle(f"origin/main..{BRANCH}")
    monkeypatch.setattr(git_command, "MEMORY_LIMIT_KIB", 12 * 1024)

    with pytest.raises(BadResult, match="memory"):
        repositories.import_bundle(remote.repo, NAME, bundle, worker.head())


@pytest.mark.parametrize("command", ["kill -9 $PPID; sleep 5", "echo 'error: index-pack died of signal 9' >&2; exit 128"])
def test_a_git_that_somebody_killed_says_nothing_about_the_result(remote, command) -> None:
    with pytest.raises(RepositoryUnavailable, match="signal"):
        bounded_git(remote.bare, ["killed"], timeout=30.0, settings=[f"alias.killed=!{command}"])


# -- what leads elsewhere ----------------------------------------------------------------------------------------------


def test_links_and_submodules_are_told_with_where_they_lead(repositories, remote, worker) -> None:
    """S6: links and submodules."""
    (worker.folder / "out").symlink_to("../../etc/passwd")
    (worker.folder / "in").symlink_to("README.md")
    git(worker.folder, "update-index", "--add", "--cacheinfo", f"160000,{'2' * 40},module")
    git(worker.folder, "add", "out", "in")
    git(worker.folder, "commit", "--quiet", "--message", "Links")

    changes = {change.path: change for change in look(repositories, remote, worker).changes}

    assert (changes["out"].mode, changes["out"].target) == (SYMLINK, "../../etc/passwd")
    assert changes["in"].target == "README.md"
    assert changes["module"].mode == GITLINK


@pytest.mark.parametrize("instead", ["", "a file"])
def test_a_submodule_that_is_gone_or_something_else_is_a_change_of_a_submodule(repositories, remote, worker, instead) -> None:
    git(remote.tree.folder, "update-index", "--add", "--cacheinfo", f"160000,{'2' * 40},module")
    git(remote.tree.folder, "commit", "--quiet", "--message", "Module")
    git(remote.tree.folder, "push", "--quiet", str(remote.bare), "HEAD:main")
    repositories.refresh(remote.repo, "main")
    git(worker.folder, "fetch", "--quiet", "origin")
    git(worker.folder, "reset", "--quiet", "--hard", "origin/main")
    git(worker.folder, "update-index", "--force-remove", "module")
    (worker.folder / "module").rmdir()
    if instead:
        (worker.folder / "module").write_text(instead)
        git(worker.folder, "add", "module")
    git(worker.folder, "commit", "--quiet", "--message", "No module")

    (change,) = look(repositories, remote, worker).changes

    assert (change.path, change.mode) == ("module", GITLINK)

"""Results that touch what decides over others, with real git and a real bare remote: none is pushed before a person has looked at it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from factory.domain.delivery import digest
from factory.domain.ids import Commit
from factory.protocol.delivery_mail import Rejected
from tests.actors.delivery_site import Site
from tests.repositories import ITEM, git, result_of

GUARDED = [".github/workflows/ci.yml", "docs/CODEOWNERS", "web/.claude/settings.json", ".husky/pre-push", ".factory.toml", ".gitmodules"]


def test_each_guarded_path_waits_for_a_person_and_nothing_is_pushed_before(make: Callable[..., Site]) -> None:
    """S6: guarded paths."""
    site = make()

    for epoch, path in enumerate(GUARDED, 1):
        site.result({path: "x\n", "a.txt": "a\n"}, epoch=epoch)
    site.settle()

    told = {word.lease.epoch: word for word in site.queue.words if isinstance(word, Rejected)}
    assert {epoch: (word.failure, word.evidence) for epoch, word in told.items()} == {
        epoch: ("policy", f"{path} is guarded") for epoch, path in enumerate(GUARDED, 1)
    }
    assert list(site.remote.branches()) == ["refs/heads/main"]
    assert site.pulls.refs == {}


def test_a_bundle_with_other_branches_and_a_tag_moves_none_of_them_there(make: Callable[..., Site]) -> None:
    """S5: no other branch."""
    site = make()
    before = site.remote.branches()
    row = site.result({"a.txt": "a\n"})
    tree = site.folder / f"worker-{ITEM}-1"
    git(tree, "branch", "--force", "main", row.result.commit)
    git(tree, "tag", "v1", row.result.commit)
    git(tree, "update-ref", "refs/heads/factory/another", row.result.commit)
    git(tree, "bundle", "create", "--quiet", row.result.bundle, "--all")

    site.outbox.add(replace(row, result=result_of(Path(row.result.bundle), Commit(row.result.commit), Commit(row.result.base_commit))))
    site.settle()

    assert site.remote.branches() == {**before, f"refs/heads/factory/{ITEM}": row.result.commit}
    assert git(site.remote.bare, "tag", "--list") == ""


def test_what_a_person_approved_and_the_forge_refuses_all_the_same_is_put_before_them_with_its_words(make: Callable[..., Site]) -> None:
    """S6: no permission for workflows."""
    site = make()
    words = "refusing to allow a GitHub App to create or update workflow `.github/workflows/ci.yml` without `workflows` permission"
    hook = site.remote.bare / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 1\n")
    hook.chmod(0o755)
    row = site.result({".github/workflows/ci.yml": "on: push\n"})
    site.outbox.add(replace(row, approved_digest=digest(row.result.base_commit, row.result.commit)))

    site.settle()

    (word,) = site.queue.words
    assert isinstance(word, Rejected)
    assert (word.failure, words in word.reason) == ("policy", True)
    assert list(site.remote.branches()) == ["refs/heads/main"]

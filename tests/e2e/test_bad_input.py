"""What cannot be worked on, or worked with: one sentence, the right exit code, and nothing left behind."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from factory.cli.client import view
from factory.domain.spec import MAX_SPEC_BYTES
from factory.protocol.commands import Steer
from factory.storage.database import Database
from factory.storage.embedded import EmbeddedServer
from tests.e2e.command_line import Person, person
from tests.real_factory import RealFactory, git, left_over, real_factory
from tests.small_disk import disk, needs_mounts, room
from tests.waiting import eventually

USAGE, FAILED, REFUSED, UNREACHABLE = 2, 1, 5, 4
IDENTITY = ("-c", "user.name=Person", "-c", "user.email=person@example.org", "-c", "protocol.file.allow=always")
SECONDS = 60
_NOBODY = "http://127.0.0.1:9/x.git"

AGENT_THAT_FILLS_THE_DISK = """#!/bin/sh
set -e
head -c 2500000 /dev/urandom > big
git add big
git commit -qm big
sed -i 's/\\[ \\]/[x]/' "$FACTORY_SPEC"
cat /dev/zero > "$TMPDIR/fill" 2>/dev/null || true
"""
AGENT_THAT_MOVES_A_SUBMODULE = """#!/bin/sh
set -e
git update-index --cacheinfo "160000,$(git rev-parse HEAD),lib"
git commit -qm "another lib"
sed -i 's/\\[ \\]/[x]/' "$FACTORY_SPEC"
git update-index --skip-worktree lib
"""


@pytest.fixture(scope="module")
def someone() -> Iterator[Person]:
    """With a factory that runs; nothing of this module may bring it an item that it did not ask for."""
    with person(new=False) as one:
        done = one.says("up", "--detach")
        assert done.returncode == 0, done.stderr
        yield one


def repository(folder: Path, name: str, files: dict[str, str]) -> Path:
    repo = folder / name
    git(folder, "init", "-q", "-b", "main", name)
    for path, text in files.items():
        (repo / path).write_text(text)
    git(repo, *IDENTITY, "add", ".")
    git(repo, *IDENTITY, "commit", "-qm", "first")
    return repo


def refused(someone: Person, *words: str, code: int = USAGE) -> str:
    """The one sentence with which it is refused; the queue and the folders are as they were."""
    before = seen(someone)
    done = someone.says("submit", *words)

    assert (done.returncode, done.stdout) == (code, ""), done
    assert done.stderr.startswith("factory: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert seen(someone) == before
    return done.stderr.removeprefix("factory: ").strip()


def seen(someone: Person) -> list[str]:
    """Items, and what lies in the factory's folders."""
    items = [row["id"] for row in view(someone.paths, "items")["items"]]
    folders = (someone.paths.mirrors, someone.paths.imports, someone.paths.workers, someone.paths.results)
    return sorted(items + [str(path) for folder in folders for path in folder.iterdir()])


def ended(someone: Person, *words: str) -> dict[str, Any]:
    """An item that is handed in and whose end is a question to a person."""
    done = someone.says("submit", *words, "--wait")

    assert done.returncode == FAILED, done
    item = done.stdout.split("\n")[0]
    shown = view(someone.paths, "item", item)
    assert shown["item"]["status"] == "needs_approval"
    assert shown["item"]["attempts"] == 0, "nothing is burnt by what a person has to mend"
    eventually(lambda: left_of(someone, item) == [], SECONDS, lambda: f"nothing is left of it: {left_of(someone, item)}")
    return shown


def left_of(someone: Person, item: str) -> list[str]:
    """Folders and half-made mirrors; an item that waits for a person keeps its result and nothing else."""
    folders = (someone.paths.imports, someone.paths.workers)
    return [*(p.name for f in folders for p in f.iterdir() if item in p.name), *(p.name for p in someone.paths.mirrors.glob("*.tmp-*"))]


def work(someone: Person, repo: Path | str) -> list[str]:
    return ["--repo", str(repo), "--spec", "SPEC.md", "--engine", "command:./agent.sh"]


# -- repositories ------------------------------------------------------------------------------------------------------


def test_a_base_branch_that_is_not_there(someone: Person) -> None:
    sentence = refused(someone, *someone.work(), "--base", "nope")

    assert sentence == f"--base: {someone.repo} has no branch nope with a commit on it; there is trunk."


def test_a_base_branch_that_is_not_there_on_a_far_remote(someone: Person) -> None:
    shown = ended(someone, *work(someone, f"file://{someone.repo}"), "--base", "nope")

    assert shown["item"]["reason"] == f"file://{someone.repo} has no branch 'nope'; there are trunk."


def test_an_empty_repository(someone: Person) -> None:
    git(someone.folder, "init", "-q", "-b", "main", "empty")
    git(someone.folder, "init", "-q", "--bare", "-b", "main", "empty.git")

    for name in ("empty", "empty.git"):
        sentence = refused(someone, *work(someone, name))
        assert sentence == f"--repo: {someone.folder}/{name} has no commit yet; make one on main first."
    assert "or is empty" in refused(someone, *work(someone, f"file://{someone.folder}/empty.git"))
    shown = ended(someone, *work(someone, f"file://{someone.folder}/empty.git"), "--base", "main")
    assert "has no commit yet; push one to 'main' first." in shown["item"]["reason"]


def test_a_repository_that_cannot_be_cloned(someone: Person) -> None:
    gone = f"file://{someone.folder}/gone.git"

    assert "there is no folder" in refused(someone, *work(someone, "nowhere"))
    assert "is no git repository" in refused(someone, *work(someone, someone.folder))
    assert f"{gone} cannot be read (fatal: " in refused(someone, *work(someone, gone))
    assert f"{_NOBODY} cannot be read (fatal: " in refused(someone, *work(someone, _NOBODY), code=FAILED)
    assert "there is no git repository" in ended(someone, *work(someone, gone), "--base", "main")["item"]["reason"]


def test_a_repository_with_large_files_outside_git(someone: Person) -> None:
    repo = repository(someone.folder, "art", {".gitattributes": "*.psd filter=lfs diff=lfs merge=lfs -text\n"})
    said = "keeps files in Git LFS (*.psd), which workers can neither fetch nor store: it cannot be worked on."

    assert refused(someone, *work(someone, repo)) == f"--repo: {repo} {said}"
    shown = ended(someone, *work(someone, f"file://{repo}"))

    assert shown["item"]["reason"] == f"file://{repo} {said}"
    assert shown["attempts"][-1]["outcome"] == "policy"


def test_a_repository_with_submodules_is_worked_on_without_them(someone: Person) -> None:
    repo = with_submodule(someone, "outer")

    done = someone.says("submit", *work(someone, repo), "--wait")

    assert done.returncode == 0, done.stderr
    item = done.stdout.split("\n")[0]
    notes = [event["data"].get("agent", {}).get("note", "") for event in view(someone.paths, "events", item, limit=200)["events"]]
    assert any(note.startswith("Submodules are not initialised (lib): their folders are empty") for note in notes), notes


def test_a_result_that_changes_a_submodule_needs_a_persons_yes(someone: Person) -> None:
    repo = with_submodule(someone, "outer2")
    agent = someone._program("mover.sh", AGENT_THAT_MOVES_A_SUBMODULE)

    shown = ended(someone, "--repo", str(repo), "--spec", "SPEC.md", "--engine", f"command:{agent}")

    assert "lib is a submodule" in shown["item"]["reason"]
    assert "factory/" not in git(repo, "for-each-ref", "refs/heads"), "nothing is pushed before"


def with_submodule(someone: Person, name: str) -> Path:
    inner = repository(someone.folder, f"{name}-inner", {"a": "a\n"})
    outer = repository(someone.folder, name, {"README": "hello\n"})
    git(outer, *IDENTITY, "submodule", "--quiet", "add", str(inner), "lib")
    git(outer, *IDENTITY, "commit", "-qm", "lib")
    return outer


# -- specs and engines -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"# t\n\n- [ ] a\n" + b"x" * 10_000_000, f"bytes, and {MAX_SPEC_BYTES:,} are allowed."),
        (b"# t\n\n- [ ] a\n\xff\xfe\x00", "is not UTF-8 text"),
        (b"# t\n\n- [ ] a\0\n", "is a binary file"),
        (b"# t\n\nnothing to do\n", "has no tasks"),
        (b"", "has no tasks"),
        (None, "cannot be read: No such file"),
    ],
    ids=["ten megabytes", "no text", "binary", "no tasks", "empty", "not there"],
)
def test_a_spec_that_is_none(someone: Person, content: bytes | None, said: str) -> None:
    spec = someone.folder / "bad.md"
    spec.unlink(missing_ok=True)
    if content is not None:
        spec.write_bytes(content)

    sentence = refused(someone, "--repo", "repo", "--spec", "bad.md", "--engine", "command:./agent.sh")

    assert said in sentence


@pytest.mark.parametrize("engine", ["nosuch", "command:", "command:./nothere", "command:'", ""])
def test_an_engine_that_is_not_there(someone: Person, engine: str) -> None:
    assert refused(someone, "--repo", "repo", "--spec", "SPEC.md", "--engine", engine).startswith("--engine")


def test_an_engine_that_a_worker_cannot_find(someone: Person) -> None:
    shown = ended(someone, "--repo", "repo", "--spec", "SPEC.md", "--engine", "command:nosuchprogram")

    assert shown["item"]["reason"] == "The engine's program 'nosuchprogram' is not there or not executable."


# -- the factory itself ------------------------------------------------------------------------------------------------


def test_a_second_factory_on_the_same_data(someone: Person) -> None:
    for words in (["up"], ["up", "--detach"]):
        done = someone.says(*words)

        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (REFUSED, "", 1)
        assert f"already runs on {someone.paths.data}" in done.stderr
    assert someone.reads("status")["schema"] == "factory.status/1"


def test_a_run_folder_too_deep_for_sockets() -> None:
    with person() as one:
        deep = one.folder.joinpath("d" * 50, "e" * 50)

        for words in (["up"], ["up", "--detach"], ["status"]):
            done = one.says(*words, FACTORY_RUN=str(deep))
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (USAGE, "", 1), done
            assert f"FACTORY_RUN: {deep} is too deep for sockets: choose a path of at most" in done.stderr
        assert not deep.exists()
        assert not one.paths.data.exists()
        assert one.left_over() == []


def test_a_data_folder_too_deep_for_sockets_is_no_obstacle() -> None:
    with person() as one:
        one.environment |= {"FACTORY_DATA": str(one.folder.joinpath("d" * 50, "e" * 50)), "FACTORY_RUN": ""}
        try:
            done = one.says("run", *one.work())
        finally:
            one.says("down")

        assert done.returncode == 0, done.stderr


def test_an_older_version_on_a_newer_database() -> None:
    with person() as one:
        assert one.says("migrate").returncode == 0
        with EmbeddedServer(one.paths.postgres).hold() as dsn, Database(dsn, "test") as database, database.transaction() as cursor:
            cursor.execute(b"INSERT INTO schema_migrations VALUES (9999, 'from_a_later_version', 'x')")

        done = one.says("up")

        assert (done.returncode, done.stdout) == (FAILED, "")
        last = done.stderr.splitlines()[-1]
        assert "The database is at migration 9999 and this version of the factory knows none after" in last
        assert "upgrade the factory" in last
        assert "Traceback" not in done.stderr
        eventually(lambda: not one.left_over(), SECONDS, lambda: f"nothing runs any more: {one.left_over()}")


# -- full disks --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def narrow() -> Iterator[RealFactory]:
    """A factory whose mirrors and workers each have a disk of their own, which a test fills."""
    with real_factory() as factory, disk(factory.paths.mirrors), disk(factory.paths.workers):
        factory.up()
        yield factory
        factory.down()


def given_up(factory: RealFactory, item: str) -> None:
    """A full disk is nobody's fault, so it is tried again; a person ends that, and then nothing of it may be left."""
    assert factory.item(item)["attempts"] == 0
    assert factory.ask(Steer(f"cancel-{item}", "cancel", item, "test")).code == "ok"
    factory.settled(item, "cancelled")
    eventually(lambda: left_over(factory, item) == [], SECONDS, lambda: f"nothing is left over, there is {left_over(factory, item)}")
    assert [path.name for path in factory.paths.results.iterdir() if item in path.name] == []


def attempt_of(factory: RealFactory, item: str) -> dict[str, Any]:
    def told() -> dict[str, Any] | None:
        rows = factory.rows("SELECT * FROM attempts WHERE item = %s AND outcome IS NOT NULL ORDER BY epoch", item)
        return rows[0] if rows else None

    return eventually(told, SECONDS, lambda: f"an attempt has ended; {factory.log()}")


def big_file(remote: Path, tree: Path) -> None:
    """In the remote, from the tree that it was made of."""
    (tree / "big").write_bytes(os.urandom(4_000_000))
    git(tree, *IDENTITY, "add", ".")
    git(tree, *IDENTITY, "commit", "-qm", "big")
    git(tree, "push", "-q", str(remote), "main")


@needs_mounts
def test_a_disk_that_is_full_while_the_mirror_is_made(narrow: RealFactory) -> None:
    remote = narrow.remote("mirrored")
    big_file(remote, narrow.folder / "mirrored-work")
    before = mirrors_of(narrow)

    with room(narrow.paths.mirrors, 2_000_000):
        item = narrow.submit(remote)
        attempt = attempt_of(narrow, item)

        assert (attempt["outcome"], attempt["reason"]) == ("infra", f"{remote}: the disk is full.")
        given_up(narrow, item)
        eventually(lambda: mirrors_of(narrow) == before, SECONDS, lambda: f"no half-made mirror is left: {mirrors_of(narrow)}")


@needs_mounts
def test_a_disk_that_is_full_while_a_worker_clones(narrow: RealFactory) -> None:
    remote = narrow.remote("cloned")
    big_file(remote, narrow.folder / "cloned-work")

    with room(narrow.paths.workers, 2_000_000):
        item = narrow.submit(remote)
        attempt = attempt_of(narrow, item)

        assert attempt["outcome"] == "no_space"
        assert attempt["reason"].startswith("The worker's disk is full: ")
        given_up(narrow, item)


@needs_mounts
def test_on_a_full_disk_no_worker_is_started_and_that_is_said_until_there_is_room(narrow: RealFactory) -> None:
    with room(narrow.paths.workers, 4_000_000):
        filling = narrow.paths.workers / "filling"
        filling.write_bytes(bytes(3_900_000))
        # An agent that is still at work when it is looked at, whatever else this machine has to do.
        agent = narrow._program("stays.sh", "#!/bin/sh\nexec sleep 600\n")
        told = "the disk of the workers is nearly full"
        # What the dispatcher was granted before is not taken back.
        eventually(lambda: told in str(narrow.view("status")), SECONDS, lambda: f"nothing more is granted: {narrow.view('status')}")
        item = narrow.submit(narrow.remote("waits"), engine=f"command:{agent}")
        eventually(lambda: told in why(narrow, item), SECONDS, lambda: f"it says why it waits: {why(narrow, item)}")
        filling.unlink()

        eventually(lambda: narrow.item(item)["epoch"] == 1, SECONDS, lambda: f"it is begun: {why(narrow, item)}")
        given_up(narrow, item)


def why(factory: RealFactory, item: str) -> str:
    return str(next((row["why"] for row in factory.view("queue")["items"] if row["id"] == item), ""))


@needs_mounts
def test_a_disk_that_is_full_while_the_bundle_is_made(narrow: RealFactory) -> None:
    agent = narrow._program("fill.sh", AGENT_THAT_FILLS_THE_DISK)

    with room(narrow.paths.workers, 10_000_000):
        item = narrow.submit(narrow.remote("bundled"), engine=f"command:{agent}")

        assert attempt_of(narrow, item)["outcome"] == "no_space"
        given_up(narrow, item)


def mirrors_of(factory: RealFactory) -> list[str]:
    return sorted(path.name for path in factory.paths.mirrors.iterdir() if path.suffix != ".flock")

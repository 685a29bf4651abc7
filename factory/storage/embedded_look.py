"""Whether the embedded server could start, found out without starting it."""

import subprocess
from pathlib import Path

from factory.errors import StoreMisconfigured
from factory.storage.embedded_account import server_account, traversable_by
from factory.storage.embedded_binaries import installed_binaries
from factory.storage.embedded_cluster import require_usable, server_environment

_ANSWER_SECONDS = 3.0
"""The program prints one line; from a cold disk it is read first."""


def readiness(root: Path) -> str:
    """What would be started on the data under `root`, as words for a person.

    Raises:
        StoreMisconfigured, InvalidInput: the programs do not run here, the account is missing, or the data are of another version.
    """
    account = server_account("nobody")
    version = _version(installed_binaries().postgres)
    made = (root / "data").exists()
    if made:
        require_usable(root)
    if account.foreign and not traversable_by(root, account.uid, account.gid):
        raise StoreMisconfigured(f"The database folder {root} cannot be reached by uid {account.uid}, which would run the server.")
    return f"{version}, {'with data' if made else 'no data yet'}"


def _version(program: Path) -> str:
    """Also shows that its libraries are found."""
    try:
        done = subprocess.run(
            [str(program), "--version"], env=server_environment(), capture_output=True, text=True, errors="replace", check=True,
            timeout=_ANSWER_SECONDS,
        )  # fmt: skip
    except subprocess.SubprocessError as error:
        raise StoreMisconfigured(f"The embedded database server does not run here: {error}.") from error
    except OSError as error:
        raise StoreMisconfigured(f"The embedded database server does not run here: {error.strerror or error}.") from error
    return done.stdout.strip().replace("postgres (PostgreSQL)", "PostgreSQL")

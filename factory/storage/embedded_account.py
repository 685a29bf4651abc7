"""The account that the embedded server runs under, and what that account can reach."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from factory.errors import InvalidInput

TRAVERSE_ONLY = 0o711
"""Others may pass through to what they know the name of, but cannot list."""
PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class Account:
    """Who owns the data and runs the server; `foreign` when that is not this process's own user."""

    uid: int
    gid: int
    foreign: bool

    def own(self, path: Path) -> None:
        """Hand `path` to the account. Does not follow a symbolic link."""
        if self.foreign:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def server_account(run_as: str) -> Account:
    """The account for the server: PostgreSQL refuses to run as root, so root drops to `run_as`."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), foreign=False)
    try:
        entry = pwd.getpwnam(run_as)
    except KeyError:
        raise InvalidInput(f"There is no user {run_as!r} that the database server could run as.") from None
    if entry.pw_uid == 0:
        raise InvalidInput(f"The database server cannot run as {run_as!r}, which is root.")
    return Account(entry.pw_uid, entry.pw_gid, foreign=True)


def traversable_by(path: Path, uid: int, gid: int) -> bool:
    """Whether a process with this uid and this only group can pass through `path` and all folders above it.

    Parts that do not exist yet are taken as passable: whoever makes them decides. Access lists are not
    looked at; the group bits then show their mask, which errs on either side only for unusual set-ups.
    """
    resolved = path.resolve()
    return all(_permits(folder, uid, gid, stat.S_IXOTH) for folder in (resolved, *resolved.parents) if folder.exists())


def runnable_by(program: Path, uid: int, gid: int) -> bool:
    """Whether this uid can reach, read and execute `program`."""
    return traversable_by(program.parent, uid, gid) and _permits(program, uid, gid, stat.S_IXOTH | stat.S_IROTH)


def _permits(path: Path, uid: int, gid: int, wanted: int) -> bool:
    """Compare in the triplet that the kernel would choose; `wanted` is given in the bits of others."""
    status = path.stat()
    shift = 6 if status.st_uid == uid else 3 if status.st_gid == gid else 0
    return (status.st_mode >> shift) & wanted == wanted


def make_root_folder(root: Path, account: Account) -> None:
    """Make the server's folder, passable for the account; its parents are never changed when they exist.

    Raises:
        InvalidInput: it belongs to somebody else, or the account cannot get to it.
    """
    missing = [folder for folder in (root, *root.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        # mkdir obeys the umask, and one of 077 would shut the account out of a folder made for it.
        folder.chmod(TRAVERSE_ONLY if account.foreign else PRIVATE)
    _refuse_foreign_owner(root)
    root.chmod(TRAVERSE_ONLY if account.foreign else PRIVATE)
    if account.foreign and not traversable_by(root, account.uid, account.gid):
        raise InvalidInput(
            f"The database folder {root} cannot be reached by uid {account.uid}, which runs the server: "
            "choose a folder whose parents everybody may pass through, such as one under /var/lib."
        )


def _refuse_foreign_owner(root: Path) -> None:
    owner = root.stat().st_uid
    if owner != os.geteuid():
        raise InvalidInput(f"The database folder {root} belongs to uid {owner}, not to the user who starts the factory.")


def make_private_folder(folder: Path, account: Account) -> None:
    """Make a folder that only the account may enter. Its parent must be writable by this process only."""
    folder.mkdir(exist_ok=True)
    folder.chmod(PRIVATE)
    account.own(folder)

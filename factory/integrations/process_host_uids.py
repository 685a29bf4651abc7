"""A uid for each worker, that nobody else on this machine has.

The range lies between what distributions give to people and what systemd gives to its services. Two factories of one
machine must not give the same one twice: ending a worker ends everything that runs under its uid. So who has which is
written down for the machine and not for the host; a claim ends with the file that it was made for, and needs no release.
"""

import pwd
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from factory.errors import HostUnavailable
from factory.integrations.process_host_records import LOCK_SECONDS, held
from factory.integrations.process_host_table import snapshot

FIRST = 61_000
TRIAL = 61_183
"""Used to try a way of isolation, never for a worker: the last one below systemd's range."""
_CLAIMS = Path("/var/run/factory-worker-uids")
"""Emptied by each boot, as the processes are."""


@contextmanager
def claimed(owner: Path, taken: Container[int | None] = (), folder: Path = _CLAIMS) -> Iterator[int]:
    """The lowest free uid, for as long as the file `owner` exists, which the block must have written when it ends.

    Args:
        owner: of the claim.
        taken: uids that are not given, whatever is written down about them.
        folder: of the machine's claims.

    Raises:
        HostUnavailable: all are taken.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with held(folder / ".lock", LOCK_SECONDS):
        uid = _lowest_free(owner, taken, folder)
        (folder / str(uid)).write_text(str(owner), "utf-8")
        yield uid


def _lowest_free(owner: Path, taken: Container[int | None], folder: Path) -> int:
    # A claim may have ended while something of its worker still runs; its next holder would be mixed up with that.
    running = {process.uid for process in snapshot().values()}
    for uid in range(FIRST, TRIAL):
        if uid not in running and uid not in taken and _is_unclaimed(folder / str(uid), owner) and not _has_an_account(uid):
            return uid
    raise HostUnavailable(f"All {TRIAL - FIRST} user ids for workers are taken on this machine.")


def _is_unclaimed(claim: Path, owner: Path) -> bool:
    try:
        holder = Path(claim.read_text("utf-8"))
    except FileNotFoundError:
        return True
    return holder == owner or not holder.exists()


def _has_an_account(uid: int) -> bool:
    with suppress(KeyError):
        pwd.getpwuid(uid)
        return True
    return False

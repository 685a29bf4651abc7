"""Files that one attempt alone may change: to and from the locks. Parts of the inboxes in `mailbox`."""

from factory.protocol.mail import Lease, Mail


class Acquire(Mail, frozen=True, tag="acquire"):
    """Worker actor → locks (ask: LockVerdict | Stale): all of `files` of `repo` or none, while the lease lives."""

    lease: Lease
    repo: str
    files: tuple[str, ...]


class LockVerdict(Mail, frozen=True, tag="lock_verdict"):
    granted: bool
    holders: tuple[str, ...] = ()


class Release(Mail, frozen=True, tag="release"):
    """Worker actor or queue → locks: the files named, or with none named all of the lease."""

    lease: Lease
    files: tuple[str, ...] = ()


class Unparked(Mail, frozen=True, tag="unparked"):
    """Locks → queue: files came free. Only makes it quicker: the queue looks by itself on its tick."""

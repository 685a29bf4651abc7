"""Asking delivery what is in a result: exactly the commits that an approval is for. Parts of the inboxes in `mailbox`."""

import msgspec

from factory.protocol.mail import Lease, Mail

MOST_FILES = 1_000
"""Named in an answer; a result with more of them waits for a person because of that alone."""

NOT_YET = "the result is being read; ask again"
"""What is answered meanwhile: by these very words, whoever asks knows that it is worth asking again at once."""

PAGE = 200_000
"""Characters of a patch in one answer: of four bytes each they still fit into a frame."""


class ShowResult(Mail, frozen=True, tag="show_result"):
    """Journal → delivery (ask: ShownResult, Unavailable while it is being read, Refused): what changes from `base` to `commit`.

    Attributes:
        lease: the attempt that it came from.
        bundle: the result's file in the spool; where it is gone, the commit is looked for in the mirror.
        commits: the patch of each commit instead of one patch of all.
        offset: characters of the patch that the asker has already.
    """

    lease: Lease
    repo: str
    base_branch: str
    bundle: str
    base: str
    commit: str
    commits: bool = False
    offset: int = 0


class ShownCommit(msgspec.Struct, frozen=True):
    commit: str
    subject: str


class ShownFile(msgspec.Struct, frozen=True):
    """`added` and `deleted` count lines; None where the file is binary."""

    path: str
    added: int | None
    deleted: int | None


class ShownResult(Mail, frozen=True, tag="shown_result"):
    """A page of it. Text as the agent left it: to be cleaned before a terminal sees it.

    Attributes:
        commits: oldest first.
        files: at most `MOST_FILES` of `file_count`.
        patch: from the offset that was asked for.
        size: characters of the whole patch, 0 where it is too large to be shown.
        too_large: why there is no patch, a sentence; empty where there is one.
    """

    commits: tuple[ShownCommit, ...]
    files: tuple[ShownFile, ...]
    file_count: int
    patch: str
    size: int
    too_large: str = ""

    def page(self, offset: int) -> "ShownResult":
        """The same with the part of the patch that begins at `offset`."""
        return msgspec.structs.replace(self, patch=self.patch[offset : offset + PAGE])

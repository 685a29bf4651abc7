"""The spec writer's inbox, and asking delivery what is in a repository: it alone has mirrors and the credentials for them."""

from factory.protocol.issue_mail import SpecWanted
from factory.protocol.mail import Mail
from factory.protocol.result_mail import ShownResult
from factory.protocol.supervisor_mail import Health, Shutdown

TREE_CHARACTERS = 16_000
"""Of the list of files: some thousand tokens."""
DOCUMENT_CHARACTERS = 12_000
"""Of each document; there are a few."""
MOST_COMMITS = 15
MAX_SUBJECT = 200

NOT_YET = "the repository is being read; ask again"
"""What is answered meanwhile, as `Unavailable`: by these very words, whoever asks knows that it is worth asking again at once."""


class ShowRepository(Mail, frozen=True, tag="show_repository"):
    """Spec writer → delivery (ask: ShownRepository, Unavailable while it is being read, Refused): what the branch holds now."""

    repo: str
    base_branch: str


class ShownRepository(Mail, frozen=True, tag="shown_repository"):
    """Within the bounds above. Text as its authors left it, but without lines that look as if they held a credential.

    Attributes:
        files: paths, or folders with how many files they hold.
        documents: name and text: README and what it says to agents.
        commits: subjects of the latest ones, newest first.
    """

    commit: str
    files: tuple[str, ...]
    documents: tuple[tuple[str, str], ...]
    commits: tuple[str, ...]


Shown = ShownResult | ShownRepository
"""What delivery reads for others."""

SpecWriterMail = SpecWanted | Shutdown | Health

"""Messages to intake, and its inbox."""

from factory.protocol.mail import Mail
from factory.protocol.mailbox import Health, Shutdown


class IssuesChanged(Mail, frozen=True, tag="issues_changed"):
    """Somebody heard that issues changed: look now. A hint; without it the next look finds the same.

    Attributes:
        repo: `owner/name`; empty for all.
    """

    repo: str = ""


IntakeMail = IssuesChanged | Shutdown | Health

"""What delivery is told of pull requests. Parts of the inboxes in `mailbox`."""

from factory.protocol.mail import Mail


class LookAt(Mail, frozen=True, tag="look_at"):
    """To delivery: something happened to this pull request (`repo` as `owner/name`, or its address). A hint: it is looked at anyway."""

    repo: str
    number: int

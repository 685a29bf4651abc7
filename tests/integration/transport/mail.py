"""Mail of these tests' own, so that they hold whatever the actors say to each other."""

from factory.protocol import mailbox


class Told(mailbox.Mail, frozen=True, tag="test_told"):
    count: int


class Asked(mailbox.Mail, frozen=True, tag="test_asked"):
    """Answered by `answer_of`."""


class Foreign(mailbox.Mail, frozen=True, tag="test_foreign"):
    """In no inbox."""

    text: str = ""


Inbox = Told | Asked


def answer_of(number: int) -> mailbox.Mail:
    """A member of the union of answers that can carry who gave it."""
    return mailbox.Unavailable(str(number))

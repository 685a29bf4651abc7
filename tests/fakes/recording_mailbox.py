"""A mailbox that keeps what it is given; nobody is behind it but the answers that a test puts there."""

from collections.abc import Callable
from typing import Any, TypeVar

from msgspec import Struct

from factory.errors import ActorUnavailable
from factory.protocol import mailbox
from factory.protocol.codec import Decoder, encode
from factory.protocol.intake_mail import IntakeMail

T = TypeVar("T")

_INBOXES: dict[str, Any] = {
    "queue": mailbox.QueueMail,
    "limiter": mailbox.LimiterMail,
    "locks": mailbox.LocksMail,
    "gateway": mailbox.GatewayMail,
    "hosts": mailbox.HostsMail,
    "dispatcher": mailbox.DispatcherMail,
    "delivery": mailbox.DeliveryMail,
    "learner": mailbox.LearnerMail,
    "intake": IntakeMail,
    "egress": mailbox.EgressMail,
    "supervisor": mailbox.SupervisorMail,
    "worker": mailbox.WorkerMail,
}
_ANSWER: Decoder[object] = Decoder(mailbox.Answers)


class RecordingMailbox:
    """Implements `ports.Mailbox`. All mail goes through the wire's form, so what the real one would refuse is refused here too.

    Attributes:
        told: address and mail, in order.
        asked: the same, of what was asked.
        answers: address → the answer to whatever is asked there; without one the actor does not answer.
        full: addresses whose inbox takes nothing.
    """

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.asked: list[tuple[str, Any]] = []
        self.answers: dict[str, Callable[[Any], object]] = {}
        self.full: set[str] = set()

    def tell(self, address: str, mail: object) -> bool:
        passed = _passed(address, mail)
        if address in self.full:
            return False
        self.told.append((address, passed))
        return True

    def ask(self, address: str, mail: object, timeout: float) -> object:
        assert timeout > 0
        self.asked.append((address, _passed(address, mail)))
        if address not in self.answers:
            raise ActorUnavailable(f"The actor {address} did not answer.")
        answer = self.answers[address](mail)
        return _ANSWER(encode(answer)) if isinstance(answer, Struct) else answer

    def to(self, address: str, kind: type[T]) -> list[T]:
        """What was told to one actor, of one kind."""
        return [mail for receiver, mail in self.told if receiver == address and isinstance(mail, kind)]

    def take(self) -> list[tuple[str, Any]]:
        """What was told since the last call."""
        told, self.told = self.told, []
        return told


def _passed(address: str, mail: object) -> object:
    decode: Decoder[object] = Decoder(_INBOXES[address.partition("-")[0]])
    return decode(encode(mail))

"""A session under test with its virtual clock, and what it did."""

from dataclasses import dataclass, field

from factory.protocol.worker import Answer, Envelope, FromAgent, ToAgent, Welcome
from worker_agent.session import Said, Session, Step

ITEM = "0123456789"
H = 5.0


@dataclass
class Talk:
    """Carries out nothing: sent and delivered messages pile up here, `take` empties the former."""

    now: float = 1000.0
    session: Session = field(init=False)
    sent: list[Envelope] = field(default_factory=list)
    delivered: list[ToAgent] = field(default_factory=list)
    renewals: int = 0
    ticking: bool = True
    ticked_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.session = Session(ITEM, 3, "boot", H, self.now)
        self.ticked_at = self.now

    def hear(self, body: ToAgent, item: str = ITEM, epoch: int = 3, version: str = "1.0") -> None:
        self._follow(self.session.heard(Answer(item, epoch, body, version), self.now))

    def say(self, body: Said) -> None:
        self._follow(self.session.said(body, self.now))

    def connect(self) -> None:
        self._follow(self.session.connected(self.now))

    def wait(self, heartbeats: float) -> None:
        """In small turns, as the link does, with an answer to nothing."""
        for _ in range(round(heartbeats * 10)):
            self.now += H / 10
            if self.ticking:
                self.ticked_at = self.now
            self._follow(self.session.passed(self.now, self.ticked_at))

    def welcome(self, sid: str = "s1", resume_from: int = 0) -> None:
        self.hear(Welcome(sid, H, 3 * H, "adopt", resume_from))

    def take(self) -> list[Envelope]:
        taken, self.sent = self.sent, []
        return taken

    def bodies(self, *kinds: type[FromAgent]) -> list[FromAgent]:
        """What was sent since the last look, of these kinds."""
        return [envelope.body for envelope in self.take() if isinstance(envelope.body, kinds)]

    def _follow(self, happened: tuple[Session, Step]) -> None:
        self.session, step = happened
        self.sent += step.send
        self.delivered += step.deliver
        self.renewals += step.renew_socket


def welcomed() -> Talk:
    talk = Talk()
    talk.welcome()
    talk.take()
    return talk

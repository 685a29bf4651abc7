"""Whether a child that is alive hangs. It is asked, and nothing waits for its answer: what it does not say in time is the answer."""

from dataclasses import dataclass

LEAST_SILENCE = 5.0
"""Seconds. However short the heartbeat, a machine that is busy keeps a healthy process waiting for a second or two."""

LEAST_SHORT_SILENCE = 2.5
"""The same for those who keep leases: a restart for nothing costs them less than a lease that runs out."""


@dataclass(frozen=True, slots=True)
class HealthTerms:
    """Bounds, as multiples of the heartbeat H, in seconds."""

    heartbeat: float

    @property
    def ask_every(self) -> float:
        return self.heartbeat / 2

    @property
    def silence(self) -> float:
        """From a question until who has not answered counts as hanging: 4H.

        The question is answered by a thread that does nothing else; a turn that takes long does not delay it.
        """
        return max(4 * self.heartbeat, LEAST_SILENCE)

    @property
    def short_silence(self) -> float:
        """The same for who keeps leases: 2H. A lease is lost at 4H; the last beat may be one old, and a question half of one late."""
        return max(2 * self.heartbeat, LEAST_SHORT_SILENCE)

    @property
    def gap(self) -> float:
        """Between two looks of the one who asks, after which it takes itself for the one that was away: a host that was suspended.

        Half of the shortest silence: a shorter absence cannot make a silence of an answer that would have come.
        """
        return self.short_silence / 2


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of a child.

    Attributes:
        unanswered: seconds for which the oldest question waits; 0 where none does.
        turn: seconds since the current turn last showed a sign of life; 0 where there is no turn. As of the last answer.
    """

    unanswered: float = 0.0
    turn: float = 0.0

    @property
    def silence(self) -> float:
        """Seconds since anything of it was heard or moved that should have been."""
        return max(self.unanswered, self.turn)


def hangs(terms: HealthTerms, signs: Signs, longest_turn: float, *, keeps_leases: bool = False) -> str:
    """Why the child counts as hanging, one sentence; empty where it does not."""
    if signs.unanswered > (terms.short_silence if keeps_leases else terms.silence):
        return f"it did not answer for {signs.unanswered:.0f} s"
    if signs.turn > longest_turn:
        return f"its turn hangs: {signs.turn:.0f} s without a sign of life"
    return ""

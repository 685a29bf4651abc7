"""Whether a child that is alive hangs. It is asked, and nothing waits for its answer: what it does not say in time is the answer."""

from dataclasses import dataclass

LEAST_SILENCE = 5.0
"""Seconds. However short the heartbeat, a machine that is busy keeps a healthy process waiting for a second or two."""


@dataclass(frozen=True, slots=True)
class HealthTerms:
    """Bounds, as multiples of the heartbeat H, in seconds."""

    heartbeat: float

    @property
    def ask_every(self) -> float:
        return self.heartbeat

    @property
    def silence(self) -> float:
        """From a question until who has not answered counts as hanging: 4H, as long as a worker may be silent.

        The question is answered by a thread that does nothing else; a turn that takes long does not delay it.
        """
        return max(4 * self.heartbeat, LEAST_SILENCE)

    @property
    def gap(self) -> float:
        """Between two looks of the one who asks, after which it takes itself for the one that was away: a host that was suspended.

        Half of the silence: a shorter absence cannot make a silence of an answer that would have come.
        """
        return self.silence / 2


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


def hangs(terms: HealthTerms, signs: Signs, longest_turn: float) -> str:
    """Why the child counts as hanging, one sentence; empty where it does not."""
    if signs.unanswered > terms.silence:
        return f"it did not answer for {signs.unanswered:.0f} s"
    if signs.turn > longest_turn:
        return f"its turn hangs: {signs.turn:.0f} s without a sign of life"
    return ""

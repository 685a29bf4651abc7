"""A sign of life in the middle of a turn, for those who wait for something that may rightly take long.

One process has one actor, so this is one counter. The thread that answers the supervisor looks whether it has changed.
"""

import itertools


class Pulse:
    """Counts signs of life. Without a clock, since whoever gives them may live in a virtual time.

    Attributes:
        beats: that it changes says something, how much it is says nothing.
    """

    __slots__ = ("_numbers", "beats")

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.beats = 0

    def beat(self) -> None:
        """Gives a sign. From any thread."""
        self.beats = next(self._numbers)


PULSE = Pulse()

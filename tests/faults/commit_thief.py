"""A proxy before PostgreSQL that loses the answers to commits: what was asked is done, and who asked cannot know.

The server's protocol tells all that is needed: the first packet of a connection names its application, and psycopg commits with a COMMIT
that is a packet by itself. The next bytes that the server says are the answer, and in place of them the connection is cut.
"""

import random

from tests.faults.proxy import Address, Proxy, _Flow, _Pair

_COMMIT = b"COMMIT"


class CommitThief(Proxy):
    """Attributes: stolen: commits that happened and whose answer nobody got."""

    def __init__(self, listen: Address, target: Address, rng: random.Random) -> None:
        self.stolen = 0
        self._dice = rng
        self._who, self._about, self._left, self._chance = b"", b"", 0, 0.0
        self._said: dict[_Flow, bytes] = {}
        self._names: dict[_Pair, bytes] = {}
        self._doomed: set[_Pair] = set()
        super().__init__(listen, target, rng)

    def steal(self, who: str, about: str = "", times: int = 1, chance: float = 1.0) -> None:
        """From now on loses answers to commits of sessions whose application's name begins so.

        Args:
            about: only to transactions that had this text in one of their statements or values.
        """
        with self._lock:
            self._said.clear()
            self._who, self._about, self._left, self._chance = who.encode(), about.encode(), times, chance

    @property
    def left(self) -> int:
        """How many are still to be lost."""
        return self._left

    def heal(self) -> None:
        with self._lock:
            self._left = 0
        super().heal()

    def _take(self, pair: _Pair, flow: _Flow) -> None:
        before = len(flow.waiting)
        super()._take(pair, flow)
        fresh = b"".join(chunk for _, chunk in list(flow.waiting)[before:])
        if flow.direction == "up":
            self._listen(pair, flow, fresh)
        elif fresh and pair in self._doomed:
            self._doomed.discard(pair)
            self.stolen += 1
            raise ConnectionResetError

    def _listen(self, pair: _Pair, flow: _Flow, fresh: bytes) -> None:
        said = self._said.get(flow, b"") + fresh
        name = self._names.setdefault(pair, fresh) if fresh else b""
        if _COMMIT in fresh:
            if self._left > 0 and self._who in name and self._about in said and self._dice.random() < self._chance:
                self._left -= 1
                self._doomed.add(pair)
            said = b""
        self._said[flow] = said

"""Secrets that a worker was given, kept out of everything that it tells: a log outlives the key's worker by weeks."""

from collections.abc import Iterable

HIDDEN = b"[hidden]"


class Redaction:
    """Hides secrets in a stream that comes in pieces of any size, also where a piece ends in the middle of one.

    Args:
        secrets: the texts to be hidden; each as a whole, as it was given.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        # A longer one first, where it holds another.
        self._secrets = tuple(sorted((each.encode() for each in secrets if each), key=len, reverse=True))
        self._longest = max(map(len, self._secrets), default=0)
        self._kept = b""

    def feed(self, data: bytes) -> bytes:
        """What may be told of all that came; the beginning of a secret is kept until it is clear what it is."""
        text = self._hide(self._kept + data)
        keep = self._begun(text)
        self._kept = text[len(text) - keep :]
        return text[: len(text) - keep]

    def end(self) -> bytes:
        """What was kept; nothing follows it."""
        rest, self._kept = self._kept, b""
        return rest

    def tail(self, text: str, limit: int) -> str:
        """The end of an output, which was cut at `limit` bytes and may so begin in the middle of a secret."""
        data = text.encode()
        cut = self._ended(data) if len(data) >= limit else 0
        return self._hide(data[cut:]).decode(errors="replace")

    def _hide(self, data: bytes) -> bytes:
        for secret in self._secrets:
            data = data.replace(secret, HIDDEN)
        return data

    def _begun(self, data: bytes) -> int:
        """How many bytes at its end may be the beginning of a secret."""
        lengths = range(min(self._longest - 1, len(data)), 0, -1)
        return next((size for size in lengths if any(each.startswith(data[len(data) - size :]) for each in self._secrets)), 0)

    def _ended(self, data: bytes) -> int:
        """How many bytes at its start may be the end of a secret."""
        lengths = range(min(self._longest - 1, len(data)), 0, -1)
        return next((size for size in lengths if any(each.endswith(data[:size]) for each in self._secrets)), 0)

"""Secrets that a worker was given, kept out of everything that it tells: a log outlives the key's worker by weeks."""

from collections.abc import Iterable
from typing import Any, TypeVar, cast

import msgspec

HIDDEN = b"[hidden]"

_TELLING = 8
"""Characters of a secret at the end of a text that are hidden where the text was cut; fewer could as well be an ordinary word."""

T = TypeVar("T")


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

    def without(self, message: T) -> T:
        """The message with the secrets hidden in each of its texts, whatever it is made of; also where a text was cut within one.

        Bytes stay as they are: they are pieces of a stream, for `feed`.
        """
        return cast("T", self._without(message))

    def text(self, text: str) -> str:
        data = self._hide(text.encode(errors="surrogatepass"))
        if (size := self._ended(data)) >= _TELLING:
            data = HIDDEN + data[size:]
        if (size := self._begun(data)) >= _TELLING:
            data = data[: len(data) - size] + HIDDEN
        return data.decode(errors="replace")

    def _without(self, value: Any) -> Any:  # noqa: ANN401 - of any kind
        match value:
            case str():
                return self.text(value)
            case tuple() | list():
                return type(value)(self._without(each) for each in value)
            case dict():
                return {self._without(name): self._without(each) for name, each in value.items()}
            case msgspec.Struct():
                return msgspec.structs.replace(value, **{name: self._without(getattr(value, name)) for name in value.__struct_fields__})
            case _:
                return value

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

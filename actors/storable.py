"""Mail in a form that the store takes. Its texts come from agents and from programs that agents wrote: the wire lets more through."""

import math
from typing import Any, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


def storable(mail: T) -> T:
    """The same mail without zero bytes in texts and without numbers that are none. Equal to the mail where nothing had to go."""
    return msgspec.convert(_fit(msgspec.to_builtins(mail)), type(mail))


def _fit(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        case float() if not math.isfinite(value):
            return None
        case list() | tuple():
            return [_fit(inner) for inner in value]
        case dict():
            return {_fit(key): _fit(inner) for key, inner in value.items()}
        case _:
            return value

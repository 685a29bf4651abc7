"""What a route is: method and path, the name that failures are scripted by, who may, and what does it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from factory.standin.call import Answer, Call

_KINDS = {"repo": r"[\w.-]+/[\w.-]+", "number": r"\d+", "id": r"\d+", "ref": r".+", "rest": r".+"}


@dataclass(frozen=True, slots=True)
class Route:
    """One kind of call.

    Attributes:
        path: with `{names}` of parts; `{repo}` is owner and name.
        name: what failures and the ledger call it, with the method before it.
        areas: of permissions, of which an App's token needs one; none for routes that need no repository.
        level: that it needs there.
        role: that a person needs in the repository.
    """

    method: str
    path: str
    name: str
    does: Callable[[Call], Answer]
    areas: tuple[str, ...] = ("metadata",)
    level: str = "read"
    role: str = "read"
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        pattern = re.sub(r"\{(\w+)\}", lambda part: f"(?P<{part[1]}>{_KINDS.get(part[1], '[^/]+')})", self.path)
        object.__setattr__(self, "pattern", re.compile(pattern))

    @property
    def full_name(self) -> str:
        return f"{self.method} {self.name}"

"""What all screens share: the world, the way to the factory, and what was asked for beside the feed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from factory.protocol.commands import Query, Reply
from tui.link import Answer, Link
from tui.states import Patience
from tui.world import World

_FRESH_SECONDS = 1.0
"""A view is not asked for again before it is this old."""


@dataclass(frozen=True, slots=True)
class View:
    """The answer to a query, and when it came, in monotonic seconds."""

    data: dict[str, Any]
    at: float


@dataclass(slots=True)
class Context:
    """Shared by all screens; belongs to the app's thread.

    Attributes:
        operator: who acts, for the audit trail.
        plain: ASCII instead of glyphs.
        read_only: no command leaves this terminal.
        views: answers to queries by (what, target).
        failures: why a query was not answered, by the same key.
    """

    world: World
    link: Link
    clock: Callable[[], float]
    patience: Patience
    operator: str
    plain: bool = False
    read_only: bool = False
    views: dict[tuple[str, str], View] = field(default_factory=dict)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)

    def want(self, query: Query) -> View | None:
        """What is known of a view; asks for it where that is old. Cheap enough to be called with every paint."""
        key = (query.what, query.target)
        known = self.views.get(key)
        if self.link.live and (known is None or self.clock() - known.at >= _FRESH_SECONDS):
            self.link.ask("view", query)
        return known

    def take(self, answer: Answer) -> Reply | None:
        """Keeps a view; gives back the reply where it answers a command."""
        if not isinstance(answer.request, Query):
            return answer.reply
        key = (answer.request.what, answer.request.target)
        if answer.reply.code == "ok":
            self.views[key] = View(answer.reply.data, self.clock())
            self.failures.pop(key, None)
        else:
            self.failures[key] = answer.reply.reason
        self.world.version += 1
        return None

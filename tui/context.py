"""What all screens share: the world, the way to the factory, and what was asked for beside the feed."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from factory.protocol.commands import Query, Reply
from tui.link import Answer, Link
from tui.states import Patience
from tui.world import World

_FRESH_SECONDS = 1.0
"""A view is not asked for again before it is this old."""
_MOST_VIEWS = 300


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
        quiet: the bell never rings.
        place: where the factory is looked for, in words for a person.
        workers: the folder of the workers' folders, where the factory is on this machine.
        saves: the folder in which views are saved.
        wall: the time of day in Unix seconds, for names of files only.
        views: answers to queries.
        failures: refusals of queries.
    """

    world: World
    link: Link
    clock: Callable[[], float]
    patience: Patience
    operator: str
    plain: bool = False
    read_only: bool = False
    quiet: bool = False
    place: str = ""
    workers: Path | None = None
    saves: Path = Path()
    wall: Callable[[], float] = lambda: 0.0
    views: dict[Query, View] = field(default_factory=dict)
    failures: dict[Query, View] = field(default_factory=dict)

    def want(self, query: Query) -> View | None:
        """What is known of a view; asks for it where that is old. Cheap enough to be called with every paint."""
        known = self.views.get(query)
        tried = max(self.failures[query].at if query in self.failures else -math.inf, known.at if known else -math.inf)
        if self.link.live and self.clock() - tried >= _FRESH_SECONDS:
            self.link.ask("view", query)
        return known

    def why_not(self, query: Query) -> str:
        """Why a view was not given, the last time that it was asked for; empty where it was."""
        failure = self.failures.get(query)
        return failure.data["reason"] if failure else ""

    def take(self, answer: Answer) -> Reply | None:
        """Keeps a view; gives back the reply where it answers a command."""
        query = answer.request
        if not isinstance(query, Query):
            return answer.reply
        if answer.reply.code == "ok":
            _keep(self.views, query, View(answer.reply.data, self.clock()))
            self.failures.pop(query, None)
        else:
            _keep(self.failures, query, View({"reason": answer.reply.reason}, self.clock()))
        self.world.version += 1
        return None


def _keep(views: dict[Query, View], query: Query, view: View) -> None:
    """The newest; a screen that pages through a long history must not keep all of it."""
    views.pop(query, None)
    views[query] = view
    if len(views) > _MOST_VIEWS:
        del views[next(iter(views))]

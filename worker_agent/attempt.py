"""An attempt as a value: what one step of its pipeline hands to the next."""

from dataclasses import dataclass

from factory.domain.spec import Spec
from factory.protocol.worker import Assign
from worker_agent.engines.base import Engine
from worker_agent.outcome import Outcome
from worker_agent.progress import Turn
from worker_agent.workspace import Snapshot, Workspace


class SpecRefused(Exception):
    """The spec cannot be worked on; the sentence is for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Everything that one step hands to the next.

    Attributes:
        spec: as it was given, to see whether boxes disappear.
        open_tasks: still to do, after the last iteration; `done_tasks` are ticked.
        commits: on the branch since the base.
        candidate: the commit that lacks nothing but green gates, empty while there is none.
        verified: the gates are green on the candidate.
        output: the end of what the last program said that did not end well.
        notes: of operators, as the last iteration had them.
    """

    assign: Assign
    engine: Engine
    spec: Spec
    workspace: Workspace
    now: Snapshot
    open_tasks: int
    done_tasks: int
    commits: int = 0
    iteration: int = 0
    tokens: int = 0
    turns: tuple[Turn, ...] = ()
    candidate: str = ""
    verified: bool = False
    output: str = ""
    notes: tuple[str, ...] = ()
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended, and what it took."""

    outcome: Outcome
    iterations: int = 0
    tokens: int = 0

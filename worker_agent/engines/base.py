"""What an engine is: how to start one iteration of a coding agent, and what its end means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from worker_agent.contact import Data
from worker_agent.folders import Folders
from worker_agent.outcome import Failed
from worker_agent.processes import Clock, Finished


class EngineProblem(Exception):
    """The engine cannot be run as it is named; a person has to mend that. The sentence is for them."""


@dataclass(frozen=True, slots=True)
class Order:
    """One iteration. `environment` is all that the engine may see, variables of the factory included."""

    repo: Path
    environment: Mapping[str, str]
    spec: Path
    notes: Path
    folders: Folders
    iteration: int
    clock: Clock


@dataclass(frozen=True, slots=True)
class Reading:
    """What the end of an iteration says.

    Attributes:
        tokens: those of this iteration.
        error: what went wrong, for people and the next attempt; None: the end of the output says it.
        cut_short: it ended at a limit of its own, which is no error where the work made a step.
        outcome: no further iteration makes sense.
        facts: what the iteration's event tells beside the rest.
    """

    succeeded: bool
    tokens: int
    error: str | None = None
    cut_short: bool = False
    outcome: Failed | None = None
    facts: Mapping[str, Data] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a piece of output came to: `text` for the log; `moved` where it shows that the work goes on."""

    text: bytes
    moved: bool


class Run(Protocol):
    """One iteration that is about to start, and then under way."""

    @property
    def argv(self) -> tuple[str, ...]:
        """The program and its arguments, run without a shell in the clone."""
        ...

    @property
    def environment(self) -> Mapping[str, str]: ...

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts of its environment that nothing told of it may hold; what `hear` is given has them hidden already."""
        ...

    @property
    def tokens(self) -> int:
        """Used so far, as far as it is known."""
        ...

    def hear(self, data: bytes) -> Heard:
        """Standard output and error, in pieces of any size."""
        ...

    def enough(self, worked: float) -> bool:
        """Whether to end it now. `worked`: seconds since its start in which it was not held. Asked several times a second."""
        ...

    def read(self, finished: Finished) -> Reading:
        """Once, after its end."""
        ...


class Engine(Protocol):
    """Starts from nothing each iteration: what an agent knows stands in files, not in a conversation."""

    def begin(self, order: Order) -> Run:
        """Prepares one iteration. Raises `EngineProblem`."""
        ...


@dataclass(frozen=True, slots=True)
class PlainRun:
    """An iteration of a program whose output needs no reading while it runs."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    reader: Callable[[Finished], Reading]
    secrets: tuple[str, ...] = ()
    tokens: int = 0

    def hear(self, data: bytes) -> Heard:
        return Heard(data, moved=True)

    def enough(self, worked: float) -> bool:  # noqa: ARG002 - only its timeout ends it
        return False

    def read(self, finished: Finished) -> Reading:
        return self.reader(finished)

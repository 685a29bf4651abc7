"""What an engine is: how to start one iteration of a coding agent, and what its end means."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from worker_agent.processes import Finished


class EngineProblem(Exception):
    """The engine cannot be run as it is named; a person has to mend that. The sentence is for them."""


@dataclass(frozen=True, slots=True)
class Order:
    """One iteration. `environment` is all that the engine may see, `variables` of the factory included."""

    repo: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the end of an iteration says. `tokens` are those of this iteration."""

    succeeded: bool
    tokens: int


class Engine(Protocol):
    """Starts from nothing each iteration: what an agent knows stands in files, not in a conversation."""

    def argv(self, order: Order) -> tuple[str, ...]:
        """The program and its arguments, run without a shell in the clone. Raises `EngineProblem`."""
        ...

    def read(self, finished: Finished) -> Reading: ...

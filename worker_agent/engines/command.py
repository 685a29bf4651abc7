"""Any program as an engine: run once an iteration in the clone, its exit status says whether it went well.

It finds its task in the file that FACTORY_SPEC names, ticks boxes there and commits. A line `tokens: N` of its output
counts what the iteration used.
"""

import re
import shlex
import shutil
from dataclasses import dataclass
from typing import Self

from factory.domain.engine_keys import secrets_of
from worker_agent.engines.base import EngineProblem, Order, PlainRun, Reading
from worker_agent.engines.login import read_credential
from worker_agent.processes import Finished

_TOKENS = re.compile(r"^tokens: ([0-9]{1,12})\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CommandEngine:
    words: tuple[str, ...]

    @classmethod
    def parse(cls, line: str) -> Self:
        """Split as a shell would, with nothing expanded. Raises `EngineProblem`."""
        try:
            words = tuple(shlex.split(line))
        except ValueError as error:
            raise EngineProblem(f"The engine's command {line!r} cannot be split into words: {error}.") from error
        if not words:
            raise EngineProblem("The engine `command:` names no program.")
        return cls(words)

    def begin(self, order: Order) -> PlainRun:
        given = read_credential(order.folders)
        return PlainRun(self.argv(order), {**given, **order.environment}, self.read, secrets_of(given))

    def argv(self, order: Order) -> tuple[str, ...]:
        program = self.words[0]
        # A path with a slash is looked up from the clone, where the program will run.
        named = str(order.repo / program) if "/" in program else program
        found = shutil.which(named, path=order.environment["PATH"])
        if found is None:
            raise EngineProblem(f"The engine's program {program!r} is not there or not executable.")
        return (found, *self.words[1:])

    def read(self, finished: Finished) -> Reading:
        """The last count is the iteration's: a program that prints several counts up."""
        counts = _TOKENS.findall(finished.output)
        return Reading(finished.code == 0 and not finished.timed_out, int(counts[-1]) if counts else 0)

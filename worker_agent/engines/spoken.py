"""Agents that say line by line what they do: one run of any of them, and what its end means.

What differs between them is an `Entry`; the rules of `read` are the same for all, and none looks at what the model or a tool
said, only at the program's own words about itself.
"""

import re
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Self

from factory.domain.engine_keys import KEYS, secrets_of
from worker_agent.contact import Data
from worker_agent.engines.base import EngineProblem, Heard, Order, Reading
from worker_agent.engines.claude_stream import Lines
from worker_agent.engines.login import read_credential
from worker_agent.outcome import Failed, Failure, Holds
from worker_agent.processes import Finished

BACK_OFF_SECONDS = 60.0
"""Until a provider that is overloaded, or a limit of which nobody says when it opens, is tried again."""

_ERROR_CHARACTERS = 500

_AUTH = r"\b401\b|unauthori[sz]ed|invalid api key|not logged in|please (log|sign) in|set an auth method|api key not valid"
_CREDITS = r"\b402\b|insufficient[_ ](quota|credit|balance|funds)|credit balance"
_LIMIT = r"\b429\b|usage limit|rate.?limit|quota|resource.exhausted"
_OUTAGE = (
    r"\b(500|502|503|504|529)\b|overloaded|unavailable|could not connect|unable to connect|connection (refused|error|reset)"
    r"|stream disconnected|fetch failed"
)
_CLASSES: tuple[tuple[re.Pattern[str], Failure, Holds], ...] = (
    (re.compile(_AUTH, re.IGNORECASE), "auth", "login"),
    (re.compile(_CREDITS, re.IGNORECASE), "quota", "credits"),
    (re.compile(_LIMIT, re.IGNORECASE), "quota", "account"),
    (re.compile(_OUTAGE, re.IGNORECASE), "infra", ""),
)
"""What the program's own error means, the first that fits. None of it burns an attempt; what is not known does."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a line adds to what is known.

    Attributes:
        tokens: used since the last line that told of them.
        counter: tokens as the program counts them up; one that falls has begun anew.
        error: the program's own words; a later `ended` takes them back, since some tell of each try.
        ended: it says that its turn is over and went well.
    """

    tokens: int = 0
    counter: int | None = None
    error: str = ""
    ended: bool = False
    iterations: int = 0
    edits: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One agent's command line, as data.

    Attributes:
        argv: program and arguments; `{prompt}` and `{spec}` stand for the texts. What a person adds goes before the last `tail`.
        tail: how many of the last words come after what a person adds.
        variables: set for it.
        understand: what a line says, None for nothing.
        no_login: the exit status by which it says, without an event, that it is not logged in.
        says_its_end: it tells when its turn is over, so that a run without that has broken off.
    """

    name: str
    argv: tuple[str, ...]
    understand: Callable[[bytes], Said | None]
    tail: int = 0
    variables: Mapping[str, str] = field(default_factory=dict)
    no_login: int | None = None
    says_its_end: bool = True


@dataclass(frozen=True, slots=True)
class Tally:
    """What is known of a run so far."""

    tokens: int = 0
    counter: int = 0
    error: str = ""
    ended: bool = False
    iterations: int = 0
    edits: int = 0

    def after(self, said: Said) -> "Tally":
        used = said.tokens
        if said.counter is not None:
            used += said.counter - self.counter if said.counter >= self.counter else said.counter
        return Tally(
            tokens=self.tokens + used,
            counter=self.counter if said.counter is None else said.counter,
            error="" if said.ended else said.error or self.error,
            ended=said.ended or (self.ended and not said.error),
            iterations=max(self.iterations, said.iterations),
            edits=self.edits + said.edits,
        )


@dataclass(frozen=True, slots=True)
class SpokenEngine:
    """`extra`: words that a person added to the engine's name."""

    entry: Entry
    extra: tuple[str, ...] = ()

    @classmethod
    def parse(cls, entry: Entry, argument: str) -> Self:
        """Raises `EngineProblem`."""
        try:
            return cls(entry, tuple(shlex.split(argument)))
        except ValueError as error:
            raise EngineProblem(f"The arguments of the engine {entry.name} cannot be split into words: {error}.") from error

    def begin(self, order: Order) -> "SpokenRun":
        given = read_credential(order.folders)
        # The worker's own variables are not a credential's to change.
        environment = {**given, **order.environment, **self.entry.variables}
        return SpokenRun(self._argv(order), environment, self.entry, secrets_of(given))

    def _argv(self, order: Order) -> tuple[str, ...]:
        program, *words = self.entry.argv
        found = shutil.which(program, path=order.environment["PATH"])
        if found is None:
            raise EngineProblem(f"The engine {self.entry.name} is not installed: there is no {program!r} on the worker's PATH.")
        spec = order.spec.relative_to(order.repo).as_posix()
        texts = {"{spec}": spec, "{prompt}": _prompt(spec, order)}
        given = [texts.get(word, word) for word in words]
        before_tail = len(given) - self.entry.tail
        return (found, *given[:before_tail], *self.extra, *given[before_tail:])


class SpokenRun:
    """One iteration. Owned by the thread that runs it."""

    def __init__(self, argv: tuple[str, ...], environment: Mapping[str, str], entry: Entry, secrets: tuple[str, ...] = ()) -> None:
        self.argv = argv
        self.environment = environment
        self.secrets = secrets
        self._entry = entry
        self._lines = Lines()
        self._tally = Tally()

    @property
    def tokens(self) -> int:
        return self._tally.tokens

    def hear(self, data: bytes) -> Heard:
        for line in self._lines.feed(data):
            self._take(line)
        return Heard(data, moved=True)

    def enough(self, worked: float) -> bool:  # noqa: ARG002 - only its timeout ends it
        return False

    def read(self, finished: Finished) -> Reading:
        for line in self._lines.end():
            self._take(line)
        return read(self._entry, self._tally, finished)

    def _take(self, line: bytes) -> None:
        said = self._entry.understand(line.rstrip(b"\r"))
        if said is not None:
            self._tally = self._tally.after(replace(said, error=said.error[:_ERROR_CHARACTERS]))


def read(entry: Entry, tally: Tally, finished: Finished) -> Reading:
    """The iteration's outcome."""
    facts: dict[str, Data] = {"engine": entry.name}
    if tally.iterations or tally.edits:
        facts |= {"engine_iterations": tally.iterations, "edits": tally.edits}
    well = finished.code == 0 and not finished.timed_out and not tally.error and (tally.ended or not entry.says_its_end)
    if well:
        return Reading(succeeded=True, tokens=tally.tokens, facts=facts)
    if entry.no_login is not None and finished.code == entry.no_login:
        taken = " or ".join(KEYS[entry.name].secrets)
        outcome = Failed("auth", f"The engine {entry.name} is not logged in; it takes {taken}.", holds="login")
        return Reading(succeeded=False, tokens=tally.tokens, outcome=outcome, facts=facts)
    for pattern, failure, holds in _CLASSES:
        if pattern.search(tally.error):
            sentence = f"The engine {entry.name} says: {tally.error}"
            outcome = Failed(failure, sentence, retry_after=0.0 if failure == "auth" else BACK_OFF_SECONDS, holds=holds)
            return Reading(succeeded=False, tokens=tally.tokens, error=tally.error, outcome=outcome, facts=facts)
    return Reading(succeeded=False, tokens=tally.tokens, error=tally.error or _end(entry, finished), facts=facts)


def _end(entry: Entry, finished: Finished) -> str | None:
    """Why a run without an error of its own is none; None where the end of the output says more."""
    if finished.timed_out or finished.code:
        return None
    return f"{entry.name} ended without saying that its turn is over."


def _prompt(spec: str, order: Order) -> str:
    # No agent of the table takes instructions from a file outside the tree, so they are the beginning of the prompt.
    instructions = files("worker_agent.engines").joinpath("claude_instructions.md").read_text("utf-8")
    notes = order.notes.relative_to(order.repo).as_posix()
    return f"{instructions}\nThe spec is {spec}, the folder for notes is {notes}. Do the next open task of the spec, and only that one."

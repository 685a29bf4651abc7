"""The frame of `factory doctor`: checks are run side by side, each within its time, and become results.

The checks are small functions in `doctor_checks*`; which of them are made of what is `wiring_offline`'s business.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from queue import Empty, SimpleQueue
from typing import Any

from factory.errors import FactoryError
from factory.ports import Clock

CHECK_SECONDS = 3.5
"""For one check: an interpreter that starts in isolation, or a database server that is far away, on a busy machine."""
TOTAL_SECONDS = 4.5
"""For all of them, repairs included: a person waits, and promises of five seconds include the start of this program."""


class Level(StrEnum):
    """How a check went. A warning is something that works, and could be better or will not work for long."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found. `mend`: the command, or the short sentence, that makes it better."""

    level: Level
    why: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at.

    Attributes:
        look: looks, and changes nothing.
        fix: makes it better where that is safe, and says what it did. Only called where `look` found something.
    """

    group: str
    name: str
    look: Callable[[], Verdict]
    fix: Callable[[], str] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A check that was made. `checked` is False where it could not be looked at; `fixed` says what was done. Times in seconds."""

    group: str
    name: str
    level: Level
    why: str
    mend: str = ""
    seconds: float = 0.0
    checked: bool = True
    fixed: str = ""

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "level": self.level.value}


def ok(why: str) -> Verdict:
    return Verdict(Level.OK, why)


def warn(why: str, mend: str) -> Verdict:
    return Verdict(Level.WARN, why, mend)


def fail(why: str, mend: str) -> Verdict:
    return Verdict(Level.FAIL, why, mend)


def exit_code(results: Sequence[Result]) -> int:
    """0 fine, 1 problems, 2 something could not be checked. Warnings are no problems."""
    if any(result.level is Level.FAIL for result in results):
        return 1
    return 0 if all(result.checked for result in results) else 2


def examine(checks: Sequence[Check], clock: Clock, *, fix: bool = False, seconds: float = TOTAL_SECONDS) -> list[Result]:
    """Makes all checks at once and returns their results in the order given.

    Args:
        fix: also carry out the fixes of what is not well, one after the other, and look there again.
        seconds: after which whatever has no result counts as not checked.
    """
    deadline = clock.monotonic() + seconds
    results = _look_at(checks, clock, deadline)
    if fix:
        results = [_fixed(check, result, clock, deadline) for check, result in zip(checks, results, strict=True)]
    return results


def _fixed(check: Check, found: Result, clock: Clock, deadline: float) -> Result:
    if check.fix is None or found.level is Level.OK or not found.checked:
        return found
    try:
        done = check.fix()
    except FactoryError as error:
        return replace(found, why=f"{found.why} It could not be fixed: {error}")
    except OSError as error:
        return replace(found, why=f"{found.why} It could not be fixed: {error.strerror or error}.")
    (after,) = _look_at([check], clock, deadline)
    return replace(after, fixed=done)


def _look_at(checks: Sequence[Check], clock: Clock, deadline: float) -> list[Result]:
    answers: SimpleQueue[tuple[int, Result]] = SimpleQueue()
    until = min(deadline, clock.monotonic() + CHECK_SECONDS)
    for number, check in enumerate(checks):
        # A daemon: one that hangs in the kernel must not keep this program from ending.
        threading.Thread(target=_look, args=(number, check, clock, answers), daemon=True).start()
    found: dict[int, Result] = {}
    while len(found) < len(checks):
        try:
            number, result = answers.get(timeout=max(0.0, until - clock.monotonic()))
        except Empty:
            break
        found[number] = result
    return [found.get(number) or _unchecked(check, "it took too long") for number, check in enumerate(checks)]


def _look(number: int, check: Check, clock: Clock, answers: "SimpleQueue[tuple[int, Result]]") -> None:
    began = clock.monotonic()
    try:
        verdict = check.look()
    except Exception as error:  # noqa: BLE001 - the outermost frame of a thread: a check that breaks must not end the others
        result = _unchecked(check, f"{type(error).__name__}: {error}")
    else:
        result = Result(check.group, check.name, verdict.level, verdict.why, verdict.mend)
    answers.put((number, replace(result, seconds=clock.monotonic() - began)))


def _unchecked(check: Check, why: str) -> Result:
    return Result(check.group, check.name, Level.WARN, f"It could not be checked: {why}.", "try again", checked=False)

"""How an attempt may end: a closed set, and what each means on the wire."""

from dataclasses import dataclass
from typing import Literal, assert_never

from factory.protocol.worker import Done, Fail
from worker_agent.bundle import Result

Failure = Literal["agent", "gate", "infra", "auth", "quota", "policy", "no_space"]
Holds = Literal["", "account", "credits", "login"]

_REASON_CHARACTERS = 2000
_EVIDENCE_CHARACTERS = 16 * 1024
"""The end of an output, where errors stand; shown to the next attempt, so no longer than one reads."""


@dataclass(frozen=True, slots=True)
class Finished:
    """There is a result."""

    result: Result


@dataclass(frozen=True, slots=True)
class Failed:
    """There is none; the class says what that costs (DESIGN.md section 5).

    Attributes:
        retry_after: seconds until what is shut opens again, 0 where nobody said.
        holds: what is shut for every worker of the same engine.
    """

    failure: Failure
    reason: str
    evidence: str = ""
    retry_after: float = 0.0
    holds: Holds = ""


@dataclass(frozen=True, slots=True)
class Stuck:
    """It is no use going on."""

    reason: str
    evidence: str = ""


Outcome = Finished | Failed | Stuck


def report(outcome: Outcome, iterations: int, tokens: int) -> Done | Fail:
    """The last message of an attempt. The session adds the number of the last event."""
    match outcome:
        case Finished(result):
            return Done(
                bundle=result.file,
                sha256=result.sha256,
                size=result.size,
                commit=result.commit,
                commits=result.commits,
                iterations=iterations,
                tokens=tokens,
                files_changed=result.files_changed,
                last_event=0,
                learnings=result.learnings,
            )
        case Failed(failure, reason, evidence, retry_after, holds):
            return Fail(
                failure, reason[:_REASON_CHARACTERS], _end(evidence), iterations, tokens, retry_after=retry_after, holds=holds
            )  # fmt: skip
        case Stuck(reason, evidence):
            return Fail("stuck", reason[:_REASON_CHARACTERS], _end(evidence), iterations, tokens)
        case _:
            assert_never(outcome)


def _end(evidence: str) -> str:
    return evidence[-_EVIDENCE_CHARACTERS:]

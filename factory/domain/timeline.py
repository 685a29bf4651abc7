"""An item's events in words. Pure; texts of agents stay as they are, whoever shows them cleans them."""

from collections.abc import Callable, Mapping
from typing import Any

from factory.domain.events import EventType
from factory.domain.model_prices import dollars

Data = Mapping[str, Any]

_KINDS = (
    ("ATTEMPT.ITERATION.", "iteration"), ("ATTEMPT.GATE.", "gate"), ("GATE.", "gate"), ("ATTEMPT.", "attempt"), ("LOCK.", "lock"),
    ("PULL_REQUEST.", "pull_request"), ("WORKER.", "attempt"), ("LEARNING.", "state"), ("OPERATOR.", "operator"),
)  # fmt: skip
"""The first prefix that fits."""

_BY_A_PERSON = frozenset({EventType.CANCELLED, EventType.APPROVED, EventType.PRIORITISED, EventType.REQUEUED})


def kind_of(event: str, data: Data) -> str:
    """What it is about: state, attempt, iteration, gate, lock, operator, pull_request or note."""
    if event == EventType.NOTED:
        return "note"
    if event == EventType.PUBLISHED:
        return "pull_request"
    if event in {EventType.CLAIMED, EventType.STARTED, EventType.ATTEMPT_ENDED, EventType.LEASE_EXPIRED}:
        return "attempt"
    if event in _BY_A_PERSON and (event != EventType.REQUEUED or data.get("reason")):
        return "operator"
    return next((kind for prefix, kind in _KINDS if event.startswith(prefix)), "state")


def in_words(event: str, data: Data) -> str:
    """One line. What has no words of its own is told as it is named."""
    agent = data.get("agent")
    told: Data = agent if isinstance(agent, Mapping) else data
    words = _WORDS.get(event)
    return words(told) if words else _plainly(event, told)


def _reason(data: Data) -> str:
    return f": {data['reason']}" if data.get("reason") else ""


def _iteration(data: Data) -> str:
    parts = [f"{data[name]} {words}" for name, words in (("commits", "commits"), ("open_tasks", "tasks open"), ("tokens", "tokens"))
             if data.get(name) is not None]  # fmt: skip
    error = f"; {data['error']}" if data.get("error") else ""
    return ", ".join(parts) + error


def _tokens(data: Data) -> str:
    spent = sum(int(data.get(name) or 0) for name in ("input_tokens", "output_tokens"))
    price = f", {dollars(int(data['micros']))}" if data.get("micros") else ""
    return f" ({spent:,} tokens{price})" if spent else ""


def _gate(data: Data, how: str) -> str:
    seconds = f" in {float(data['seconds']):.1f} s" if isinstance(data.get("seconds"), int | float) else ""
    return f"gate {data.get('gate', '?')} {how}{seconds}{'' if data.get('required', True) else ' (not required)'}"


def _plainly(event: str, data: Data) -> str:
    words = event.replace(".", " ").replace("_", " ").lower()
    facts = " ".join(f"{name}={value}" for name, value in data.items() if value not in (None, "", {}))
    return f"{words} {facts}".rstrip()


_WORDS: Mapping[str, Callable[[Data], str]] = {
    EventType.ENQUEUED: lambda data: f"handed in: {data.get('title', '')}",
    EventType.CLAIMED: lambda data: f"attempt {data.get('epoch')} begins, worker {data.get('holder')}",
    EventType.STARTED: lambda _: "the agent has its assignment",
    EventType.ATTEMPT_ENDED: lambda data: f"the attempt ended ({data.get('outcome') or 'killed'}), {data.get('status')} now{_reason(data)}",
    EventType.LEASE_EXPIRED: lambda data: f"the lease ran out, {data.get('status')} now{_reason(data)}",
    EventType.RESULT_ACCEPTED: lambda _: "the result was taken",
    EventType.RESULT_REJECTED: lambda data: f"the result was sent back ({data.get('outcome')}), {data.get('status')} now{_reason(data)}",
    EventType.PUBLISHED: lambda data: f"pull request {data.get('url', '')}",
    EventType.GATE_PASSED: lambda data: _gate(data, "passed"),
    EventType.GATE_FAILED: lambda data: _gate(data, "failed"),
    "ATTEMPT.GATE.PASSED": lambda data: _gate(data, "passed"),
    "ATTEMPT.GATE.FAILED": lambda data: _gate(data, "failed"),
    EventType.SPEC_DRAFTED: lambda data: f"a spec was drafted by {data.get('by', '?')}{_tokens(data)}",
    EventType.SPEC_FAILED: lambda data: f"no spec yet: {data.get('why', '')}{_tokens(data)}",
    EventType.SPECIFIED: lambda data: f"its spec is written, by {data.get('by') or 'somebody'}",
    EventType.QUESTIONED: lambda data: f"no spec before this is answered: {' '.join(map(str, data.get('questions') or ()))}",
    EventType.REQUEUED: lambda data: f"queued again{_reason(data)}",
    EventType.CANCELLED: lambda data: str(data.get("reason") or "cancelled"),
    EventType.APPROVED: lambda data: str(data.get("reason") or "approved"),
    EventType.PRIORITISED: lambda data: f"priority {data.get('priority')}",
    EventType.NOTED: lambda data: f"{data.get('by', 'somebody')} to the agent: {data.get('text', '')}",
    EventType.LOCK_TAKEN_AWAY: lambda data: f"{data.get('by', 'somebody')} took the lock of {data.get('file')} from {data.get('worker')}",
    EventType.STALE_REFUSED: lambda data: f"refused to {data.get('by', 'a worker')} whose lease is over: {data.get('refused')}",
    "ATTEMPT.WORKSPACE.READY": lambda data: f"the workspace is there, {data.get('open_tasks')} tasks open",
    "ATTEMPT.ITERATION.STARTED": lambda data: f"iteration {data.get('iteration')} begins",
    "ATTEMPT.ITERATION.SUCCESS": lambda data: f"iteration {data.get('iteration')} done: {_iteration(data)}",
    "ATTEMPT.ITERATION.FAILED": lambda data: f"iteration {data.get('iteration')} failed: {_iteration(data)}",
    "ATTEMPT.NOTES.GIVEN": lambda data: f"the agent was given {data.get('notes')} notes at iteration {data.get('iteration')}",
    "ATTEMPT.BUNDLE.READY": lambda data: f"the result is bundled: {data.get('commits')} commits, {data.get('files_changed')} files",
}

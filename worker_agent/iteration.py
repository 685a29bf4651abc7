"""One iteration: the engine run once from nothing, and what it came to."""

from dataclasses import replace

from factory.domain.spec import remaining
from worker_agent.attempt import Attempt
from worker_agent.engines.base import Order, Reading, Run
from worker_agent.outcome import Failed, Outcome, Stuck
from worker_agent.processes import TAIL_BYTES, TICK_SECONDS, Command, Finished, run
from worker_agent.progress import Turn, fingerprint, stuck_reason
from worker_agent.redaction import Redaction
from worker_agent.worksite import Site
from worker_agent.workspace import NOTES, STUCK, noted

_TOLD_CHARACTERS = 300
"""Of an error in the iteration's event; the attempt's end has more of it."""


def iterate(attempt: Attempt, site: Site) -> Attempt:
    """Runs the engine once, unless there is a reason not to. Raises `EngineProblem`, `NotStarted`, `GitFailed`."""
    if (outcome := _no_further(attempt)) is not None:
        return replace(attempt, outcome=outcome)
    attempt = replace(attempt, iteration=attempt.iteration + 1)
    _wait_while_held(attempt, site)
    site.contact.at("running", attempt.iteration, attempt.tokens)
    site.contact.event("ATTEMPT.ITERATION.STARTED", {"iteration": attempt.iteration})
    attempt = _hand_notes(attempt, site)
    finished, reading = _run_engine(attempt, site)
    return _after_iteration(attempt, finished, reading, site)


def _hand_notes(attempt: Attempt, site: Site) -> Attempt:
    """Operators' notes as they are, before the engine starts; said once when there are new ones."""
    notes = site.contact.notes()
    attempt.workspace.leave(NOTES, noted(notes))
    if notes and notes != attempt.notes:
        site.contact.event("ATTEMPT.NOTES.GIVEN", {"iteration": attempt.iteration, "notes": len(notes)})
    return replace(attempt, notes=notes)


def _no_further(attempt: Attempt) -> Outcome | None:
    if (reason := stuck_reason(attempt.turns, attempt.assign.stuck_after)) is not None:
        return Stuck(reason, attempt.output)
    if attempt.iteration < attempt.assign.max_iterations:
        return None
    total = attempt.open_tasks + attempt.done_tasks
    reason = f"All {attempt.iteration} iterations are used, and {attempt.open_tasks} of {total} tasks are open."
    return Failed("agent", reason, attempt.output)


def _wait_while_held(attempt: Attempt, site: Site) -> None:
    # Bounded by the conversation: it ends the agent when nobody has answered for too long.
    while site.contact.must_hold():
        site.contact.at("waiting", attempt.iteration, attempt.tokens)
        site.contact.tick(TICK_SECONDS)


def _run_engine(attempt: Attempt, site: Site) -> tuple[Finished, Reading]:
    workspace = attempt.workspace
    environment = {
        **site.environment,
        "FACTORY_ITEM": site.item,
        "FACTORY_EPOCH": str(site.epoch),
        "FACTORY_ITERATION": str(attempt.iteration),
        "FACTORY_BRANCH": workspace.branch,
        "FACTORY_BASE": workspace.base,
        "FACTORY_SPEC": str(workspace.spec),
        "FACTORY_NOTES": str(workspace.notes),
    }
    order = Order(workspace.repo, environment, workspace.spec, workspace.notes, site.folders, attempt.iteration, site.clock)
    engine = attempt.engine.begin(order)
    command = Command(engine.argv, workspace.repo, engine.environment, attempt.assign.iteration_timeout)
    redaction = Redaction(engine.secrets)
    finished = run(command, site.contact, site.clock, lambda data: _hear(redaction.feed(data), engine, attempt, site), engine.enough)
    _hear(redaction.end(), engine, attempt, site)
    finished = replace(finished, output=redaction.tail(finished.output, TAIL_BYTES))
    return finished, engine.read(finished)


def _hear(data: bytes, engine: Run, attempt: Attempt, site: Site) -> None:
    if not data:
        return
    heard = engine.hear(data)
    if heard.text:
        site.contact.log("agent", heard.text)
    elif heard.moved:
        site.contact.moved()
    site.contact.at("running", attempt.iteration, attempt.tokens + engine.tokens)


def _after_iteration(attempt: Attempt, exited: Finished, reading: Reading, site: Site) -> Attempt:
    before, workspace = attempt.now, attempt.workspace
    now, spec = workspace.look(), workspace.read_spec()
    committed = now.head != before.head
    # With all boxes ticked what is left is repair: then a commit alone is a step.
    moved = committed and (spec.done_tasks > attempt.done_tasks or not attempt.open_tasks)
    open_tasks = remaining(attempt.spec, spec)
    error = exited.output if reading.error is None else reading.error
    if exited.refused:
        error = f"{error}\n{exited.refused}".lstrip()
    went_well = reading.succeeded or (reading.cut_short and moved)
    attempt = replace(
        attempt,
        now=now,
        open_tasks=open_tasks,
        done_tasks=spec.done_tasks,
        commits=workspace.commits() if committed else attempt.commits,
        tokens=attempt.tokens + reading.tokens,
        turns=(*attempt.turns, Turn(moved) if went_well else Turn(moved, fingerprint("engine", error), _told(exited))),
        output=attempt.output if went_well else error,
        # What shuts the engine out does not take back a work that it has just finished.
        outcome=None if moved and not open_tasks else reading.outcome,
    )
    _tell_iteration(attempt, exited, reading, site)
    said = workspace.note(STUCK).strip()
    if not said or attempt.outcome is not None:
        return attempt
    return replace(attempt, outcome=Stuck(f"The agent says: {said}", error))


def _told(exited: Finished) -> str:
    if exited.timed_out:
        return "the agent had to be ended, its time was over"
    ended = f"the agent ended with exit code {exited.code}"
    return f"{ended}; {exited.refused}" if exited.refused else ended


def _tell_iteration(attempt: Attempt, exited: Finished, reading: Reading, site: Site) -> None:
    site.contact.moved()
    site.contact.event(
        f"ATTEMPT.ITERATION.{'SUCCESS' if reading.succeeded else 'FAILED'}",
        {
            "iteration": attempt.iteration,
            "commits": attempt.commits,
            "open_tasks": attempt.open_tasks,
            "rc": exited.code,
            "timed_out": exited.timed_out,
            "seconds": round(exited.seconds, 3),
            "tokens": attempt.tokens,
            **({"error": reading.error[:_TOLD_CHARACTERS]} if reading.error else {}),
            **({"refused": exited.refused} if exited.refused else {}),
            **reading.facts,
        },
    )

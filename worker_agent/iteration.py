"""One iteration: the engine run once from nothing, and what it came to."""

from dataclasses import replace

from factory.domain.spec import remaining
from worker_agent.attempt import Attempt
from worker_agent.engines.base import Order
from worker_agent.outcome import Failed, Outcome, Stuck
from worker_agent.processes import TICK_SECONDS, Command, Finished, run
from worker_agent.progress import Turn, fingerprint, stuck_reason
from worker_agent.worksite import Site
from worker_agent.workspace import STUCK


def iterate(attempt: Attempt, site: Site) -> Attempt:
    """Runs the engine once, unless there is a reason not to. Raises `EngineProblem`, `NotStarted`, `GitFailed`."""
    if (outcome := _no_further(attempt)) is not None:
        return replace(attempt, outcome=outcome)
    attempt = replace(attempt, iteration=attempt.iteration + 1)
    _wait_while_held(attempt, site)
    site.contact.at("running", attempt.iteration, attempt.tokens)
    site.contact.event("ATTEMPT.ITERATION.STARTED", {"iteration": attempt.iteration})
    return _after_iteration(attempt, _run_engine(attempt, site), site)


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


def _run_engine(attempt: Attempt, site: Site) -> Finished:
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
    argv = attempt.engine.argv(Order(workspace.repo, environment))
    command = Command(argv, workspace.repo, environment, attempt.assign.iteration_timeout)
    return run(command, site.contact, site.clock, lambda data: site.contact.log("agent", data))


def _after_iteration(attempt: Attempt, exited: Finished, site: Site) -> Attempt:
    reading = attempt.engine.read(exited)
    before, workspace = attempt.now, attempt.workspace
    now, spec = workspace.look(), workspace.read_spec()
    committed = now.head != before.head
    # With all boxes ticked what is left is repair: then a commit alone is a step.
    moved = committed and (spec.done_tasks > attempt.done_tasks or not attempt.open_tasks)
    attempt = replace(
        attempt,
        now=now,
        open_tasks=remaining(attempt.spec, spec),
        done_tasks=spec.done_tasks,
        commits=workspace.commits() if committed else attempt.commits,
        tokens=attempt.tokens + reading.tokens,
        turns=(*attempt.turns, Turn(moved, "" if reading.succeeded else fingerprint("engine", exited.output))),
        output=attempt.output if reading.succeeded else exited.output,
    )
    _tell_iteration(attempt, exited, succeeded=reading.succeeded, site=site)
    said = workspace.note(STUCK).strip()
    return replace(attempt, outcome=Stuck(f"The agent says: {said}", exited.output)) if said else attempt


def _tell_iteration(attempt: Attempt, exited: Finished, *, succeeded: bool, site: Site) -> None:
    site.contact.moved()
    site.contact.event(
        f"ATTEMPT.ITERATION.{'SUCCESS' if succeeded else 'FAILED'}",
        {
            "iteration": attempt.iteration,
            "commits": attempt.commits,
            "open_tasks": attempt.open_tasks,
            "rc": exited.code,
            "timed_out": exited.timed_out,
            "seconds": round(exited.seconds, 3),
            "tokens": attempt.tokens,
        },
    )

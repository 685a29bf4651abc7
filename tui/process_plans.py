"""What keys do to processes of the tree and to locks: commands, and the question that comes before. Pure."""

from uuid import uuid4

from factory.protocol.commands import ReleaseLock, SteerActor
from tui.actions import Plan
from tui.world import Row, Seen

_MEANWHILE = {
    "queue": "Submissions, claims and results wait meanwhile; workers work on.",
    "limiter": "The start of workers waits meanwhile.",
    "locks": "Edits of files that are to be locked wait meanwhile.",
    "gateway": "All that workers say waits meanwhile; those not heard for 4 heartbeats are queued again.",
    "dispatcher": "The start of workers, and the clearing away of old ones, wait meanwhile.",
    "journal": "Commands and this view wait meanwhile.",
    "delivery": "Checks of results and pull requests wait meanwhile.",
    "learner": "Learnings wait meanwhile.",
    "database": "Everything that is to be written waits meanwhile.",
}


def restart(node: Row, operator: str) -> Plan:
    """Stops a process in order and starts it again; one that was stopped is started."""
    name = str(node.get("name") or node.get("id") or "")
    if str(node.get("level")) == "workers":
        return Plan(refusal="The actor of a worker belongs to an item: ^k there (3) ends its attempt.")
    facts = (
        f"It is {node.get('state')}, process {node.get('pid') or 'none'}, {node.get('restarts') or 0} restarts so far.",
        _MEANWHILE.get(name, "What others say to it waits meanwhile."),
        "Its children: none. What runs goes on.",
    )
    return Plan(f"restart {name}", (SteerActor(uuid4().hex, "restart", name, operator),), f"Restart {name}?", facts)


def release(lock: Row, holder: Seen | None, operator: str) -> Plan:
    """Takes a lock from whom it was seen to belong to. To be typed, not to be said by a letter: what is written is then nobody's."""
    file, worker = str(lock.get("file_path") or ""), str(lock.get("worker_id") or "")
    title = str(holder.row.get("title") or "") if holder else ""
    facts = (
        f"{file}  in {lock.get('repo')}",
        f"held by {worker}{f', {title}' if title else ''}",
        "It works on, and may still write the file: two results may then contradict each other.",
        "To end its attempt instead: 3, then ^k.",
    )
    request = ReleaseLock(uuid4().hex, str(lock.get("repo") or ""), file, worker, operator)
    return Plan(f"release {file}", (request,), f"Take the lock on {file} away?", facts, typed="release")

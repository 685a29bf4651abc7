"""The invariants I6, I8, I9 and I10 (DESIGN.md section 6): machine, secrets, observers and commands."""

import os
from collections.abc import Iterator
from contextlib import suppress

import psutil

from factory.domain.events import LIFECYCLE, fold, item_stream
from factory.errors import FactoryUnreachable
from factory.protocol.commands import Query, Steer
from tests.faults.evidence import TERMINAL, Evidence, timed
from tests.faults.grounds import Site
from tests.living_folder import holders_below

DESCRIPTORS_MORE = 6
"""What a process may hold beyond its baseline: a query's connection, a file that is being written. And one for each worker that there may
be: who told a worker's actor something lets go of it when it next speaks with a new one."""
DESCRIPTORS_A_CHILD = 8
"""What the root holds for each process below it: pipes both ways, its end, its exit. Workers' actors and spares come and go."""
ACKNOWLEDGED_SECONDS = 1.0


def descriptors(site: Site) -> dict[str, int]:
    """Open descriptors of each process of the tree that always is there, by name."""
    found = {}
    for name, pid in site.pids().items():
        if not name.startswith("worker-") and name != "postgres":
            with suppress(psutil.Error):
                found[name] = psutil.Process(pid).num_fds()
    return found


def i6_nothing_is_left_over(evidence: Evidence) -> Iterator[str]:
    """Of items that hold no worker: no process, folder, socket or row of it; no zombie; descriptors back to the baseline."""
    for row in evidence.known():
        if row["status"] not in {"assigned", "running", "publishing"}:
            yield from _left_of(evidence, row["id"])
    yield from _zombies(evidence)
    yield from _descriptors(evidence.site)


def _left_of(evidence: Evidence, item: str) -> Iterator[str]:
    paths = evidence.site.paths
    for folder in (paths.workers, paths.workers / ".meta", paths.imports, paths.run, paths.link):
        for path in folder.iterdir() if folder.exists() else ():
            if item in path.name:
                yield f"{path} is left of {item}"
    for process in evidence.processes():
        with suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and _carries(process, item):
                yield f"the process {process.pid} ({' '.join(process.cmdline())[:80]}) is left of {item}"
    for worker in evidence.rows("SELECT id, status FROM workers WHERE work_item_id = %s AND status <> 'dead'", item):
        yield f"the worker {worker['id']} is still {worker['status']}"


def _carries(process: psutil.Process, mark: str) -> bool:
    return any(mark in word for word in process.cmdline()) or any(mark in value for value in process.environ().values())


def _zombies(evidence: Evidence) -> Iterator[str]:
    root = evidence.site.root
    if root is None or not evidence.site.runs():
        return
    with suppress(psutil.Error):
        for child in psutil.Process(root.pid).children(recursive=True):
            with suppress(psutil.Error):
                if child.status() == psutil.STATUS_ZOMBIE:
                    yield f"{child.pid} ({child.name()}) is a zombie of {child.ppid()}"


def _descriptors(site: Site) -> Iterator[str]:
    if not site.runs():
        return
    workers = int(site.environment["FACTORY_MAX_WORKERS"])
    for name, number in descriptors(site).items():
        usual = site.descriptors.get(name)
        more = workers * (DESCRIPTORS_A_CHILD if name == "root" else 1) + DESCRIPTORS_MORE
        if usual is not None and number > usual + more:
            yield f"{name} has {number} descriptors open, at first it had {usual}"


def i8_no_secret_anywhere(evidence: Evidence) -> Iterator[str]:
    """No canary in a log, a table, a spooled bundle, a published commit, the feed, or the environment of a process but the root's."""
    canaries = evidence.canaries()
    for path, text in evidence.logs():
        for name, canary in canaries.items():
            if canary in text:
                yield f"{name} is in {path}"
    for name, canary in canaries.items():
        for table in evidence.rows("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"):
            if evidence.rows(f'SELECT 1 FROM "{table["relname"]}" AS t WHERE strpos(t::text, %s) > 0 LIMIT 1', canary):  # noqa: S608
                yield f"{name} is in the table {table['relname']}"
    observer = evidence.site.observer
    if observer is not None:
        yield from (f"{canary[:9]}... came over the feed" for canary in observer.leaked)
    yield from _in_results(evidence, canaries)
    yield from _in_environments(evidence, canaries)


def _in_results(evidence: Evidence, canaries: dict[str, str]) -> Iterator[str]:
    for name, canary in canaries.items():
        yield from (f"{name} is in {path}" for path in holders_below(evidence.site.paths.results, canary.encode()))
    for bare in evidence.site.git.folder.glob("*.git"):
        for name, canary in canaries.items():
            with os.popen(f"git -C {bare} log --all --oneline -S{canary}") as found:  # noqa: S605 - our own texts
                if found.read().strip():
                    yield f"{name} was committed to {bare.name}"


def _in_environments(evidence: Evidence, canaries: dict[str, str]) -> Iterator[str]:
    root = evidence.site.root.pid if evidence.site.root else 0
    for process in evidence.processes():
        if process.pid == root:
            continue
        with suppress(psutil.Error):
            held = set(process.environ().values())
            yield from (f"{name} is in the environment of {process.pid} ({process.name()})" for name, c in canaries.items() if c in held)


def i9_observers_agree(evidence: Evidence) -> Iterator[str]:
    """The observer's lifecycle columns are the fold of the events."""
    observer = evidence.site.observer
    if observer is None or not evidence.site.runs():
        return
    for row in evidence.known():
        folded = fold(event.new.data for event in evidence.events(item_stream(row["id"])))
        seen = observer.item(row["id"])
        if {key: seen.get(key) for key in LIFECYCLE} != folded:
            yield f"{row['id']} is shown as { ({key: seen.get(key) for key in LIFECYCLE}) }, its events fold to {folded}"


def i10_commands_are_acknowledged(evidence: Evidence) -> Iterator[str]:
    """A question and a command each have an answer within a second, while the factory runs."""
    if not evidence.site.runs():
        return
    requests: list[Query | Steer] = [Query("status")]
    ended = [row["id"] for row in evidence.known() if row["status"] in TERMINAL]
    # On an item that has ended it changes nothing, and is answered all the same.
    requests += [Steer(f"check-{os.urandom(4).hex()}", "prioritise", item, "checker", argument="2") for item in ended[:1]]
    for request in requests:
        try:
            seconds = timed(lambda request=request: evidence.site.ask(request, 2 * ACKNOWLEDGED_SECONDS))  # type: ignore[misc]
        except FactoryUnreachable as error:
            yield f"{type(request).__name__} has no answer: {error}"
            continue
        if seconds > ACKNOWLEDGED_SECONDS:
            yield f"{type(request).__name__} was answered after {seconds:.2f} s"

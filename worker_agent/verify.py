"""Verification: a clean clone of exactly one commit, one gate, a report. No agent, no link, nobody to be asked."""

import logging
import os
import signal
from pathlib import Path

import msgspec

from factory.protocol.verification import ORDER_FILE, REPORT_FILE, VerifiedGate, VerifyOrder, VerifyReport
from factory.protocol.worker import Phase
from worker_agent.contact import EXIT_BROKEN, EXIT_OK, EXIT_TERMINATED, Data, Ended, Stream
from worker_agent.folders import Folders
from worker_agent.gates import run_gate
from worker_agent.git import GitFailed, fetch_commit
from worker_agent.processes import Clock
from worker_agent.sweep import MARK
from worker_agent.way_out import open_way_out
from worker_agent.worksite import Site

_log = logging.getLogger(__name__)


class Unaccompanied:
    """A contact for work that nobody follows: only a signal ends it."""

    def __init__(self) -> None:
        self._terminated = False

    def terminate(self) -> None:
        self._terminated = True

    def tick(self, wait: float = 0.0) -> None:  # noqa: ARG002 - nobody to wait for
        if self._terminated:
            raise Ended(EXIT_TERMINATED, "terminated by a signal")

    def must_hold(self) -> bool:
        return False

    def at(self, phase: Phase, iteration: int, tokens: int) -> None:
        _log.info("%s, iteration %d, %d tokens", phase, iteration, tokens)

    def moved(self) -> None:
        """Nobody counts."""

    def notes(self) -> tuple[str, ...]:
        return ()

    def event(self, kind: str, data: dict[str, Data]) -> None:
        _log.info("%s %s", kind, data)

    def log(self, stream: Stream, data: bytes) -> None:
        """The report holds the tail of each output; the rest has no reader."""


def run_verification(folders: Folders, clock: Clock) -> int:
    """Runs the gate and returns the exit status: zero where there is a verdict."""
    contact = Unaccompanied()
    signal.signal(signal.SIGTERM, lambda _number, _frame: contact.terminate())
    # The host's name for this worker where it gave one, so that its own sweep finds what ours could not.
    worker = os.environ.get(MARK) or f"verify-{os.getpid()}"
    way_out = open_way_out(folders)
    site = Site(folders, worker, "", 0, contact, clock, way_out=way_out.environment)
    try:
        report = _verify(site)
    except Ended as ended:
        return ended.code
    finally:
        way_out.close()
    _write(folders.out / REPORT_FILE, report)
    return EXIT_BROKEN if report.error else EXIT_OK


def _verify(site: Site) -> VerifyReport:
    try:
        order = msgspec.json.decode((site.folders.inbox / ORDER_FILE).read_bytes(), type=VerifyOrder)
        _check_out(site, order)
        gate = run_gate(order.gate, site)
        return VerifyReport(order.commit, VerifiedGate(gate.name, gate.passed, gate.required, gate.seconds, gate.output, gate.code))
    except (OSError, msgspec.DecodeError, GitFailed) as error:
        return VerifyReport(error=f"The commit could not be verified: {error}")


def _check_out(site: Site, order: VerifyOrder) -> None:
    site.folders.repo.mkdir()
    git = site.git()
    git("init", "--quiet", "--template=")
    fetch_commit(git, order.source, order.commit)
    git("checkout", "--quiet", "--detach", order.commit)


def _write(path: Path, report: VerifyReport) -> None:
    # Whoever collects it finds all of it or nothing, also when the gate has left a link under this name.
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    draft.write_bytes(msgspec.json.encode(report))
    draft.replace(path)

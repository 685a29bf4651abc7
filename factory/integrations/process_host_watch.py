"""How a worker is now: from its record and from the kernel, for whichever process of the factory asks."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from factory.errors import HostUnavailable, InvalidInput
from factory.integrations.process_host_family import Kin, eldest, members
from factory.integrations.process_host_files import bound_log
from factory.integrations.process_host_launch import marked_worker, worker_markers
from factory.integrations.process_host_records import Record, Records
from factory.integrations.process_host_table import Process, boot_id, look, snapshot, some_are_between_programs
from factory.integrations.process_host_ways import exit_code
from factory.worker_ports import Life, Observed

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
_LOOKS, _LOOK_SECONDS = 50, 0.01
"""While some process is between two programs, which takes a tenth of a millisecond; one that stays so is up to something."""
_NEVER_STARTED = "The factory ended before it could start this worker."


class Watch:
    """Looks after the workers of one root and instance; everything but `strays` costs a file or two."""

    def __init__(self, root: Path, instance: str, records: Records) -> None:
        self._root = root
        self._instance = instance
        self._records = records
        self._codes: dict[tuple[int, int], int] = {}

    def own(self, name: str) -> Record | None:
        check_name(name)
        record = self._records.read(name)
        # A record that cannot be read has no instance; the root is this host's.
        return record if record and record.instance in {self._instance, ""} else None

    def kin(self, name: str, record: Record | None) -> Kin:
        markers = worker_markers(self._root / name)
        if record is None or record.boot != boot_id():
            # Pids and uids of another boot are other people's by now.
            return Kin(markers)
        leader = (record.pid, record.started) if record.pid is not None and record.started is not None else None
        return Kin(markers, record.uid, leader, wrapped=record.way == "bubblewrap")

    def recovered(self, record: Record) -> Record:
        """With its process, if an intent got as far as that before its host died. Call it with the lock held."""
        if record.pid is not None or record.ended:
            return record
        found = _spawned(self.kin(record.name, record))
        if found is None:
            return record
        record = replace(record, pid=found.pid, started=found.started)
        self._records.write(record)
        return record

    def settle(self, name: str) -> Observed:
        """Finds out what became of an intent. Raises `HostUnavailable` where somebody is starting a worker right now."""
        with self._records.locked(0):
            record = self.own(name)
            if record is None:
                return Observed(name, Life.GONE)
            record = self.recovered(record)
            if record.pid is None and not record.ended:
                record = replace(record, ended=True, reason=_NEVER_STARTED)
                self._records.write(record)
        return self.observe(record)

    def observe(self, record: Record) -> Observed:
        process = self._leader(record)
        if process is not None and not process.over:
            bound_log(self._root / record.name, self.kept_log(record.name))
            return Observed(record.name, Life.RUNNING, process.pid)
        return _ended(self._noted(record, self._reaped(record, process)))

    def _leader(self, record: Record) -> Process | None:
        if record.pid is None or record.boot != boot_id():
            return None
        process = look(record.pid)
        return process if process is not None and process.started == record.started else None

    def _reaped(self, record: Record, process: Process | None) -> int | None:
        """The exit code, if this process is the parent. Known to be this worker's: a bare pid may be another child's."""
        if process is not None and process.parent == os.getpid():
            with suppress(ChildProcessError):
                pid, status = os.waitpid(process.pid, os.WNOHANG)
                if pid:
                    self._codes[process.pid, process.started] = exit_code(record.way, os.waitstatus_to_exitcode(status))
        return self._codes.get((record.pid, record.started)) if record.pid and record.started else None

    def _noted(self, record: Record, code: int | None) -> Record:
        """The record with its end, written down unless somebody is writing or the disk is full; the next look does it then."""
        if record.ended and (code is None or record.code is not None):
            return record
        noted = replace(record, ended=True, code=code, reason=_reason(record, code))
        with suppress(HostUnavailable, OSError), self._records.locked(0):
            now = self._records.read(record.name)
            if now is None or (now.pid, now.started) != (record.pid, record.started):
                return noted
            if now.code is not None:
                return now
            self._records.write(noted)
        return noted

    def strays(self, known: set[str]) -> Iterator[Observed]:
        """Workers whose record somebody deleted."""
        for pid, process in snapshot().items():
            name = None if process.over else marked_worker(pid, self._root, self._instance)
            # Any process may have an environment that was made up, and whoever reads the name would stumble over it.
            if name is not None and _NAME.fullmatch(name) and name not in known:
                known.add(name)
                yield Observed(name, Life.RUNNING, pid, reason="The host has no record of it.")

    def kept_log(self, name: str) -> Path:
        return self._root / ".meta" / f"{name}.log"


def check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} is no name of a worker.")


def _spawned(kin: Kin) -> Process | None:
    """The worker's first process, which may have been spawned a moment ago."""
    for _ in range(_LOOKS):
        # Before the look: who had no environment then may have it now.
        unsure = some_are_between_programs()
        found = eldest(members(kin))
        if found is not None or not unsure:
            return found
        time.sleep(_LOOK_SECONDS)
    return None


def _ended(record: Record) -> Observed:
    return Observed(record.name, Life.EXITED, record.pid, record.code, record.reason)


def _reason(record: Record, code: int | None) -> str:
    if code is None:
        if record.boot != boot_id():
            return "The machine was started anew."
        return record.reason or "How it ended was not seen: another process of the factory had made it."
    if code == -signal.SIGKILL:
        return "It was killed by SIGKILL: by somebody, or for lack of memory."
    return f"It was ended by signal {-code}." if code < 0 else ""

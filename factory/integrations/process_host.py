"""Workers as processes of this machine.

    <root>/<name>/in work out home tmp agent.log      the worker's
    <root>/.meta/<name>.json                          the host's, out of the worker's reach

All that is known of a worker is on the disk and in the kernel. So any number of these objects, in any process, may look
after the same workers, one after the other or at once; only the exit code is seen by nobody but the process that made it.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from factory.errors import Conflict, HostUnavailable, InvalidInput, NoResult
from factory.full_disk import unstored
from factory.integrations import process_host_files as files
from factory.integrations.process_host_choice import Choice, Setup, chosen
from factory.integrations.process_host_family import end
from factory.integrations.process_host_launch import spawned, worker_environment
from factory.integrations.process_host_records import Record, Records
from factory.integrations.process_host_table import boot_id, look
from factory.integrations.process_host_uids import claimed
from factory.integrations.process_host_watch import Watch, check_name
from factory.integrations.process_host_ways import Launch, Way, WorkerLimits
from factory.ports import Clock
from factory.worker_ports import Isolation, Life, Observed, WorkerOrder

_USUAL_LIMITS = WorkerLimits()
_AGENT = ("-I", "-m", "worker_agent")
_IMPORTS_THE_AGENT = "import worker_agent"


class ProcessHost:
    """Runs each worker as a process of its own, confined as far as this machine allows.

    Args:
        root: folder of the workers, of this host alone.
        instance: the factory whose workers these are.
        python: interpreter that has the worker agent.
        isolation: see `Choice`.
        clock: for the time at which a worker was made.
        command: what runs before an order's arguments, in place of the worker agent.
        limits: of the kernel, on each worker.
        network: False cuts workers off from the network, which only bubblewrap can do.
        proven: `isolation` names a way that another process of this factory found to work; it is not tried again.
    """

    def __init__(
        self,
        root: Path,
        instance: str,
        python: Path,
        isolation: Choice,
        clock: Clock,
        *,
        command: tuple[str, ...] | None = None,
        limits: WorkerLimits = _USUAL_LIMITS,
        network: bool = True,
        proven: bool = False,
    ) -> None:
        self._root = root.resolve()
        self._instance = instance
        self._clock = clock
        self._command = command or (str(python.absolute()), *_AGENT)
        program = "" if command else _IMPORTS_THE_AGENT
        self._setup = Setup(self._root, python.absolute(), isolation, limits, network, program, proven)
        self._records = Records(self._root / ".meta")
        self._watch = Watch(self._root, instance, self._records)

    @property
    def isolation(self) -> Isolation:
        return self._way().grade

    @property
    def way(self) -> str:
        """How that grade is reached here: bubblewrap, uid or plain."""
        return self._way().name

    def start(self, order: WorkerOrder) -> Observed:
        _check(order)
        way = self._way()
        with _translated(f"The worker {order.name} cannot be started"), self._records.locked() as lock:
            record = self._records.read(order.name)
            if record is not None:
                self._refuse_foreign(record)
                record = self._watch.recovered(record)
                if record.pid is not None or record.ended:
                    return self._watch.observe(record)
            return self._make(order, way, lock)

    def poll(self, name: str) -> Observed:
        record = self._watch.own(name)
        if record is None:
            return Observed(name, Life.GONE)
        if record.pid is not None or record.ended:
            return self._watch.observe(record)
        try:
            return self._watch.settle(name)
        except HostUnavailable:
            return Observed(name, Life.RUNNING, reason="It is being started.")

    def stop(self, name: str, grace: float) -> Observed:
        # The lock is a barrier only: a start that is under way finishes its record first.
        with self._records.locked():
            record = self._watch.own(name)
            record = self._watch.recovered(record) if record else None
        with _translated(f"The worker {name} cannot be ended"):
            end(self._watch.kin(name, record), grace)
        return self.poll(name)

    def list_owned(self) -> Sequence[Observed]:
        known = [self.poll(name) for name in self._records.names() if self._watch.own(name)]
        names = {observed.name for observed in known}
        return [*(found for found in known if found.life is not Life.GONE), *self._watch.strays(names)]

    def collect(self, name: str, file: str, target: Path, limit: int) -> int:
        if self._watch.own(name) is None:
            raise NoResult(f"There is no worker {name}.")
        with _translated(f"The result of {name} cannot be stored"):
            return files.copy_out(self._root / name, file, target, limit)

    def remove(self, name: str) -> None:
        record = self._watch.own(name)
        if record is None and self._records.path(name).exists():
            return  # another factory's
        if self.poll(name).life is Life.RUNNING:
            raise Conflict(f"The worker {name} runs: stop it before it is removed.")
        with _translated(f"What the worker {name} left cannot be deleted"):
            # What outlived its agent would go on writing into what is being deleted.
            end(self._watch.kin(name, record), grace=0)
            files.delete_tree(self._root / name)
            with self._records.locked():
                self._watch.kept_log(name).unlink(missing_ok=True)
                self._records.forget(name)

    def log(self, name: str, limit: int) -> bytes:
        """The last `limit` bytes that the worker wrote to its standard output and error. Untrusted text."""
        return files.log_tail(self._root / name, self._watch.kept_log(name), limit) if self._watch.own(name) else b""

    def _way(self) -> Way:
        with _translated("How workers can be isolated cannot be found out"):
            return chosen(self._setup)

    def _make(self, order: WorkerOrder, way: Way, lock: int) -> Observed:
        """Intent, folder, process, record. Whatever happens in between is found again by the intent and the markers."""
        record = self._intend(order.name, way)
        pid: int | None = None
        try:
            pid = self._spawn(order, way, record, lock)
            process = look(pid)
            record = replace(record, pid=pid, started=process.started if process else None)
            self._records.write(record)
        except (OSError, HostUnavailable):
            self._undo(record, pid)
            raise
        return self._watch.observe(record)

    def _intend(self, name: str, way: Way) -> Record:
        intent = Record(name, self._instance, way.name, None, self._clock.now(), boot_id())
        if not way.own_uid:
            self._records.write(intent)
            return intent
        # Also those of an earlier boot, whose folders are still here, though the machine knows of no claim any more.
        taken = {record.uid for other in self._records.names() if (record := self._records.read(other))}
        with claimed(self._records.path(name), taken) as uid:
            intent = replace(intent, uid=uid)
            self._records.write(intent)
        return intent

    def _spawn(self, order: WorkerOrder, way: Way, record: Record, lock: int) -> int:
        folder = self._root / order.name
        if folder.exists():
            # Left by a start that was cut off, or by a worker whose record somebody deleted: that one must not go on.
            end(self._watch.kin(order.name, None), grace=0)
            files.delete_tree(folder)
        files.make_folder(folder, order.files, record.uid)
        readable = tuple(path.absolute() for path in order.readable)
        arguments = way.arguments(Launch(folder, (*self._command, *order.arguments), record.uid, readable))
        with files.opened_log(folder) as log:
            return spawned(arguments, worker_environment(folder, self._instance, order.environment), log, lock)

    def _undo(self, record: Record, pid: int | None) -> None:
        end(self._watch.kin(record.name, record), grace=0)
        if pid is not None:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        files.delete_tree(self._root / record.name)
        self._records.forget(record.name)

    def _refuse_foreign(self, record: Record) -> None:
        if record.instance not in {self._instance, ""}:
            raise Conflict(f"The worker {record.name} belongs to the factory {record.instance!r}.")


def _check(order: WorkerOrder) -> None:
    check_name(order.name)
    for file in order.files:
        if not files.is_plain_name(file):
            raise InvalidInput(f"{file!r} is no name for a worker's file.")


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unstored(what, error) from error

"""What the factory orders, carried out on this machine's `WorkerHost`. Everything here may block; the loop has it done in a lane."""

import hashlib
import json
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from factory.domain.way_out import secret_for
from factory.errors import Conflict, FactoryError, HostUnavailable, InvalidInput, NoResult
from factory.full_disk import is_full
from factory.paths import READABLE
from factory.protocol.host import HostDone, HostOrder, Trouble, WorkerCounts, WorkerState
from factory.protocol.way_out import FILE as WAY_OUT
from factory.protocol.way_out import WayOutFile
from factory.worker_host.home import Home
from factory.worker_host.sources import Sources
from factory.worker_ports import Life, Meter, Observed, WorkerHost, WorkerOrder

log = logging.getLogger(__name__)

_KEY = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_LINK = "link.json"


@dataclass(frozen=True, slots=True)
class Hands:
    """Carries orders out.

    Attributes:
        programs: of this machine, that engines may run, and `environment` that says where they are.
        meter: counts what workers use; None where nothing does.
        lonely: makes workers that have no network; None where that cannot be. All else `host` does for them as well.
    """

    home: Home
    host: WorkerHost
    sources: Sources
    programs: tuple[Path, ...] = ()
    meter: Meter | None = None
    lonely: WorkerHost | None = None
    environment: tuple[tuple[str, str], ...] = ()

    def start(self, order: HostOrder) -> HostDone:
        """A worker whose source is not here yet is noted, and waits for it."""
        try:
            if (seen := self.host.poll(order.worker)).life is not Life.GONE:
                return _done(order, _state(seen))
            if order.source is not None and not self.sources.holds(_checked(order.source.key), order.source.commits):
                self._note(order)
                return _done(order, WorkerState(order.worker, "running", reason="its source is on its way", waits=True))
            return _done(order, self.make(order))
        except (FactoryError, OSError) as error:
            return _trouble(order, error)

    def make(self, order: HostOrder) -> WorkerState:
        """Its source is here. Raises what the host raises."""
        host = self.lonely if order.alone else self.host
        if host is None:
            raise HostUnavailable("This machine cannot keep workers from the network.")
        source = self.sources.path(order.source.key) if order.source else None
        files = {**order.files, **self._link(order, source), **self._way_out(order)}
        # What an engine names there and here; of the folders of the factory's machine there are none.
        named = [path for path in map(Path, order.readable) if path.exists() and not self._is_ours(path)]
        out = [self.home.way_out(order.worker).parent] if WAY_OUT in order.files else []
        own = [self.home.socket.parent, *out, *([source] if source else []), *self.programs]
        wanted = WorkerOrder(
            order.worker, order.arguments, files, tuple(dict.fromkeys([*own, *named])), (*self.environment, *order.environment)
        )
        made = host.start(wanted)
        self.forget(order.worker)
        if order.source:
            self.sources.used(order.source.key)
        return _state(made)

    def _is_ours(self, path: Path) -> bool:
        """Whether this host's own folder, with its key, is in it or around it."""
        real = path.resolve()
        return self.home.data.is_relative_to(real) or real.is_relative_to(self.home.data)

    def stop(self, order: HostOrder) -> HostDone:
        try:
            self.forget(order.worker)
            return _done(order, _state(self.host.stop(order.worker, order.grace)))
        except (FactoryError, OSError) as error:
            return _trouble(order, error)

    def remove(self, order: HostOrder) -> HostDone:
        try:
            self.forget(order.worker)
            self.host.remove(order.worker)
            folder = self.home.way_out(_plain(order.worker)).parent
            for left in (*self.home.outgoing.glob(f"{order.worker}.*"), *folder.glob("*")):
                left.unlink(missing_ok=True)
            if folder.exists():
                folder.rmdir()
            return _done(order, WorkerState(order.worker, "gone"))
        except (FactoryError, OSError) as error:
            return _trouble(order, error)

    def collect(self, order: HostOrder) -> HostDone:
        """Out of the worker's reach first: what is announced cannot change on its way."""
        try:
            target = self.outgoing(order.worker, order.id)
            size = self.host.collect(order.worker, order.file, target, order.limit)
            with target.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except (FactoryError, OSError) as error:
            return _trouble(order, error)
        return HostDone(order.sid, order.id, size=size, sha256=digest)

    def outgoing(self, worker: str, number: str) -> Path:
        return self.home.outgoing / f"{_plain(worker)}.{_plain(number)}"

    def states(self) -> tuple[WorkerState, ...]:
        """All workers that this machine has. Raises what the host raises."""
        return tuple(map(_state, self.host.list_owned()))

    def counts(self, names: Iterable[str]) -> dict[str, WorkerCounts]:
        """Of those workers that run. Raises what the meter raises."""
        read = {name: self.meter.counts(name) for name in names} if self.meter else {}
        return {
            name: WorkerCounts(counts.at, counts.cpu_seconds, counts.memory, counts.memory_limit, counts.pids)
            for name, counts in read.items()
            if counts
        }

    # -- workers whose source is on its way ---------------------------------------------------------------------------

    def waiting(self) -> list[HostOrder]:
        """As they were noted, also by a process before this one."""
        orders = []
        for path in sorted(self.home.waiting.glob("*.order")):
            try:
                orders.append(msgspec.msgpack.decode(path.read_bytes(), type=HostOrder))
            except (OSError, msgspec.DecodeError) as error:
                log.warning("the order %s cannot be read and is dropped: %s", path.name, error)
                path.unlink(missing_ok=True)
        return orders

    def forget(self, worker: str) -> None:
        self._noted(worker).unlink(missing_ok=True)

    def _note(self, order: HostOrder) -> None:
        path = self._noted(order.worker)
        draft = path.with_suffix(".new")
        try:
            draft.touch(mode=0o600)
            draft.write_bytes(msgspec.msgpack.encode(order))
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    def _noted(self, worker: str) -> Path:
        return self.home.waiting / f"{_plain(worker)}.order"

    def _link(self, order: HostOrder, source: Path | None) -> dict[str, bytes]:
        """What the agent is told of the link: the socket of this machine, and where its source lies here."""
        if _LINK not in order.files:
            return {}
        told = {**json.loads(order.files[_LINK]), "endpoint": f"ipc://{self.home.socket}", "source": str(source or "")}
        return {_LINK: json.dumps(told).encode()}

    def _way_out(self, order: HostOrder) -> dict[str, bytes]:
        """What the worker is told of its way out: the socket of this machine, and what shows whose it is here."""
        if WAY_OUT not in order.files:
            return {}
        path = self.home.way_out(_plain(order.worker))
        path.parent.mkdir(exist_ok=True)
        # Whatever the umask is: workers under other user ids are given this folder.
        path.parent.chmod(READABLE)
        told = msgspec.json.decode(order.files[WAY_OUT], type=WayOutFile)
        shown = secret_for(self.home.out_key(), order.worker)
        return {WAY_OUT: msgspec.json.encode(msgspec.structs.replace(told, socket=str(path), worker=order.worker, token=shown))}


def _plain(name: str) -> str:
    """What becomes part of a path."""
    if not _NAME.fullmatch(name):
        raise InvalidInput("The order names no worker that could be one.")
    return name


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise InvalidInput("The order names no source that could be one.")
    return key


def _state(seen: Observed) -> WorkerState:
    return WorkerState(seen.name, seen.life.value, seen.pid, seen.code, seen.reason, seen.waits, seen.full)


def _done(order: HostOrder, state: WorkerState) -> HostDone:
    return HostDone(order.sid, order.id, state)


def _trouble(order: HostOrder, error: Exception) -> HostDone:
    kinds: tuple[tuple[type[Exception], Trouble], ...] = (
        (NoResult, "no_result"), (Conflict, "conflict"), (InvalidInput, "invalid"), (HostUnavailable, "unavailable")
    )  # fmt: skip
    log.warning("the order to %s %s cannot be carried out: %s", order.verb, order.worker, error)
    kind: Trouble = next((trouble for known, trouble in kinds if isinstance(error, known)), "unavailable")
    return HostDone(order.sid, order.id, trouble=kind, reason=str(error), full=is_full(error))

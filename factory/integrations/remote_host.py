"""Workers on another machine, and workers on all of them: the port `WorkerHost` over the mail of the `hosts` actor.

Nothing of them is kept here, so any number of these objects in any process may look after the same workers. Where a host cannot be
reached its workers count as running: what they are like is not known, and whether they are heard is for their leases to say.
"""

import hashlib
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from factory.domain.meter import Counts
from factory.errors import ActorUnavailable, Conflict, HostUnavailable, InvalidInput, NoResult, NoSpace
from factory.full_disk import unstored
from factory.ports import Mailbox
from factory.protocol.codec import BadMessage
from factory.protocol.host import Source, WorkerState
from factory.protocol.host_mail import HostAnswer, HostCall, HostList, HostLook, Hosts, HostSeen
from factory.worker_ports import Isolation, Life, Observed, WorkerHost, WorkerOrder

_ADDRESS = "hosts"
_ASK_SECONDS = 1.0
"""The actor answers from memory. Who looks after a worker asks in its turns, in which it keeps no lease."""
_POLL_SECONDS = 0.02
_START_SECONDS = 5.0
"""For a host to say that it has taken a worker on: a round trip, or two where one was lost."""
_STOP_MARGIN = 10.0
_COLLECT_SECONDS = 1_800.0
"""For the largest result over a slow line."""

_IN_VAIN = {
    "start": "The worker {} cannot be started",
    "stop": "The worker {} cannot be ended",
    "remove": "What the worker {} left cannot be deleted",
    "collect": "The result of {} cannot be stored",
}
_TROUBLES = {"conflict": Conflict, "invalid": InvalidInput, "no_result": NoResult}


class _Line:
    """A mailbox for each thread that asks: results are collected beside an actor's own turns."""

    def __init__(self, make: Callable[[], Mailbox]) -> None:
        self._make = make
        self._own = threading.local()

    def ask(self, mail: object) -> object:
        """Raises `ActorUnavailable`."""
        if not hasattr(self._own, "mailbox"):
            self._own.mailbox = self._make()
        mailbox: Mailbox = self._own.mailbox
        return mailbox.ask(_ADDRESS, mail, _ASK_SECONDS)


class RemoteHost:
    """One other machine.

    Args:
        name: under which it was enrolled.
        mailboxes: makes a way to the actors of this factory, for one thread.
        alone: workers have no network.
    """

    def __init__(self, name: str, mailboxes: Callable[[], Mailbox], *, alone: bool = False) -> None:
        self._name, self._alone = name, alone
        self._line = _Line(mailboxes)

    @property
    def isolation(self) -> Isolation:
        """As the host said it; the least that there is while it did not."""
        seen = self._seen()
        grades = {grade.value: grade for grade in Isolation}
        if self._alone and seen and seen.isolation != Isolation.CONTAINER:
            return Isolation.CONFINED  # nothing less keeps a process from the network
        return grades.get(seen.isolation, Isolation.UNCONFINED) if seen else Isolation.UNCONFINED

    def start(self, order: WorkerOrder) -> Observed:
        source = Source(repository_key(order.repo), order.commits) if order.repo and order.commits else None
        answer = self._call(
            _START_SECONDS, verb="start", worker=order.name, arguments=order.arguments, files=dict(order.files),
            environment=order.environment, readable=tuple(map(str, order.readable)), source=source,
            alone=self._alone,
        )  # fmt: skip
        return _observed(answer.state, order.name)

    def poll(self, name: str) -> Observed:
        return _looked(self._line, HostLook(name, self._name))

    def stop(self, name: str, grace: float) -> Observed:
        answer = self._call(grace + _STOP_MARGIN, verb="stop", worker=name, grace=grace)
        return _observed(answer.state, name)

    def list_owned(self) -> Sequence[Observed]:
        seen = self._seen()
        if seen is None or not seen.here:
            raise HostUnavailable(f"The host {self._name} cannot be reached.")
        return [_observed(state, state.name) for state in seen.workers]

    def collect(self, name: str, file: str, target: Path, limit: int) -> int:
        answer = self._call(_COLLECT_SECONDS, verb="collect", worker=name, file=file, limit=limit)
        came = Path(answer.path)
        try:
            if came.stat().st_size != answer.size or _sha256(came) != answer.sha256:
                raise HostUnavailable(f"What came of {name} is not what its host announced.")
            _move(came, target)
        except OSError as error:
            raise unstored(_IN_VAIN["collect"].format(name), error) from error
        finally:
            came.unlink(missing_ok=True)
        return answer.size

    def remove(self, name: str) -> None:
        self._call(_STOP_MARGIN, verb="remove", worker=name)

    def counts(self, name: str) -> Counts | None:
        """The port `Meter`, as the host's last beat has it."""
        answer = _answer(self._line, HostLook(name, self._name))
        if answer.result != "done":
            raise HostUnavailable(f"What is used on the host {self._name} is not known: {answer.reason}.")
        told = answer.counts
        return Counts(told.at, told.cpu_seconds, told.memory, told.memory_limit, told.pids) if told else None

    def _seen(self) -> HostSeen | None:
        return next((host for host in _fleet(self._line) if host.name == self._name), None)

    def _call(self, seconds: float, **what: Any) -> HostAnswer:  # noqa: ANN401 - fields of a call
        # The real clock: what is waited for is another machine.
        deadline = time.monotonic() + seconds
        call = HostCall(host=self._name, id=secrets.token_hex(16), **what)
        while True:
            answer = self._ask(call)
            if answer.result == "done":
                break
            if time.monotonic() >= deadline:
                raise HostUnavailable(f"The host {self._name} did not answer in time.")
            time.sleep(_POLL_SECONDS)
        if answer.full:
            raise NoSpace(f"{_IN_VAIN[call.verb].format(call.worker)}: {answer.reason}.")
        if answer.trouble:
            raise _TROUBLES.get(answer.trouble, HostUnavailable)(answer.reason)
        return answer

    def _ask(self, call: HostCall) -> HostAnswer:
        try:
            answer = self._line.ask(call)
        except ActorUnavailable:
            return HostAnswer("pending")
        except BadMessage as error:
            raise InvalidInput(f"The order is too large for the way to {self._name}: {error}.") from error
        if not isinstance(answer, HostAnswer) or answer.result == "away":
            raise HostUnavailable(f"The host {self._name} cannot be reached.")
        return answer


class EveryHost:
    """This machine and all others: for whoever looks after workers wherever they are, and makes none."""

    def __init__(self, here: WorkerHost, mailboxes: Callable[[], Mailbox]) -> None:
        self._here, self._mailboxes = here, mailboxes
        self._line = _Line(mailboxes)

    @property
    def isolation(self) -> Isolation:
        return self._here.isolation

    def start(self, order: WorkerOrder) -> Observed:
        return self._here.start(order)

    def poll(self, name: str) -> Observed:
        seen = self._here.poll(name)
        return seen if seen.life is not Life.GONE else _looked(self._line, HostLook(name))

    def stop(self, name: str, grace: float) -> Observed:
        return self._at(name).stop(name, grace)

    def list_owned(self) -> Sequence[Observed]:
        """Those of hosts that cannot be reached are left out: who is not in it is not known to be gone."""
        elsewhere = [_observed(state, state.name) for host in _fleet(self._line) if host.here for state in host.workers]
        return [*self._here.list_owned(), *elsewhere]

    def collect(self, name: str, file: str, target: Path, limit: int) -> int:
        return self._at(name).collect(name, file, target, limit)

    def remove(self, name: str) -> None:
        self._at(name).remove(name)

    def _at(self, name: str) -> WorkerHost:
        if self._here.poll(name).life is not Life.GONE:
            return self._here
        meant = _answer(self._line, HostLook(name)).host
        # What no row names is where somebody says it is; of all others no host can say that.
        holder = meant or next((host.name for host in _fleet(self._line) if any(state.name == name for state in host.workers)), "")
        return RemoteHost(holder, self._mailboxes) if holder else self._here


def repository_key(repo: str) -> str:
    """What stands for a repository on other machines, which need not know its address."""
    return hashlib.sha256(repo.encode()).hexdigest()[:32]


def _fleet(line: _Line) -> tuple[HostSeen, ...]:
    try:
        answer = line.ask(HostList())
    except ActorUnavailable:
        return ()
    return answer.hosts if isinstance(answer, Hosts) else ()


def _looked(line: _Line, look: HostLook) -> Observed:
    answer = _answer(line, look)
    if answer.result != "done":
        return Observed(look.worker, Life.RUNNING, reason=answer.reason)
    return _observed(answer.state, look.worker)


def _answer(line: _Line, look: HostLook) -> HostAnswer:
    try:
        answer = line.ask(look)
    except ActorUnavailable as error:
        return HostAnswer("away", reason=str(error))
    return answer if isinstance(answer, HostAnswer) else HostAnswer("away", reason="nobody says where it is")


def _observed(state: WorkerState | None, name: str) -> Observed:
    if state is None:
        return Observed(name, Life.GONE)
    return Observed(state.name, Life(state.life), state.pid, state.code, state.reason, state.waits, state.full)


def _move(came: Path, target: Path) -> None:
    try:
        came.replace(target)
    except OSError:
        # Another file system: beside the target first, so that it is there whole or not at all.
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            shutil.copyfile(came, draft)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

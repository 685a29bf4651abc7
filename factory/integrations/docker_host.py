"""Workers as containers of this machine's Docker engine.

All that is known of a worker is the engine's: its container has a name that follows from factory and worker, labels that say whose
it is, and a volume that goes with it. So any number of these objects, in any process, look after the same workers, and containers
outlive the factory's restart and, where the engine is set to it, the engine's own.
"""

import json
import re
import stat
import tarfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any

from factory.domain.clean import clean_line
from factory.domain.meter import Counts
from factory.errors import Conflict, HostUnavailable, InvalidInput, NoResult
from factory.full_disk import unstored
from factory.integrations import docker_entry
from factory.integrations.docker_counts import counts, moment
from factory.integrations.docker_engine import Engine, Image, Taken
from factory.integrations.docker_profile import FOLDER, INSTANCE, WORKER, Container, Profile, container_name, request
from factory.integrations.docker_result import store
from factory.integrations.process_host_files import is_plain_name
from factory.ports import Clock
from factory.worker_ports import Isolation, Life, Observed, WorkerOrder

AGENT = ("/opt/factory/bin/python", "-I", "-m", "worker_agent")
"""Where the image has it: see worker_agent/Dockerfile."""
ENTRY = ("python3", "-I", "-S", "-c")

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
_MADE, _RUNS = "created", frozenset({"running", "paused", "restarting"})
_SIGNALLED, _HIGHEST_SIGNAL, _SIGKILL = 128, 64, 9
_NEVER_STARTED = "The factory ended before it could start this worker."
_BEING_STARTED = "It is being started."
_LOOK_SECONDS = 0.02
_END_SECONDS = 30.0
"""From SIGKILL until the engine says that the container has ended: only a machine in trouble needs longer."""
_LOG_LINES, _TOLD_CHARACTERS = 20, 300


@dataclass(frozen=True, slots=True)
class Made:
    """What all workers of a host are made of.

    Attributes:
        image: its name, or its id.
        command: what runs before an order's arguments, in place of the worker agent.
        mend: how to come by the image, as the end of a sentence.
    """

    image: str
    profile: Profile = Profile()  # noqa: RUF009 - frozen
    command: tuple[str, ...] = AGENT
    mend: str = "make it with `factory image build`"


class DockerHost:
    """Runs each worker in a container of its own.

    Args:
        instance: the factory whose workers these are.
        clock: to tell a container that nobody will start any more.
    """

    def __init__(self, engine: Engine, instance: str, made: Made, clock: Clock) -> None:
        self._engine, self._instance, self._made, self._clock = engine, instance, made, clock

    @property
    def isolation(self) -> Isolation:
        return Isolation.CONTAINER

    def ready(self) -> Image:
        """The image that workers would be made of. Raises `HostUnavailable` where none could be made, with the mend."""
        found = self._engine.image(self._made.image)
        if found is None:
            raise HostUnavailable(f"The Docker engine has no image {self._made.image}: {self._made.mend}.")
        return found

    def start(self, order: WorkerOrder) -> Observed:
        _check(order)
        seen = self._look(order.name) or self._create(order)
        if seen["State"]["Status"] == _MADE:
            self._feed(order, seen["Id"])
            return self.poll(order.name)
        return self._observed(order.name, seen)

    def poll(self, name: str) -> Observed:
        seen = self._own(name)
        return Observed(name, Life.GONE) if seen is None else self._observed(name, seen)

    def stop(self, name: str, grace: float) -> Observed:
        seen = self._own(name)
        if seen is not None and seen["State"]["Status"] == _MADE:
            # There is nothing to end, and nobody shall start it any more.
            self._engine.remove(seen["Id"])
        elif seen is not None and _runs(seen):
            self._engine.signal(seen["Id"], "SIGTERM")
            if grace <= 0 or not self._ends(seen["Id"], grace):
                self._kill(name, seen["Id"])
        return self.poll(name)

    def list_owned(self) -> Sequence[Observed]:
        listed = self._engine.list(f"{INSTANCE}={self._instance}")
        # Between the two questions one may have been removed.
        polled = [self.poll(each["Labels"][WORKER]) for each in listed if _NAME.fullmatch(each["Labels"].get(WORKER, ""))]
        return [observed for observed in polled if observed.life is not Life.GONE]

    def collect(self, name: str, file: str, target: Path, limit: int) -> int:
        seen = self._own(name)
        if seen is None:
            raise NoResult(f"There is no worker {name}.")
        if not is_plain_name(file):
            raise NoResult(f"{file!r} is no name of a file in a worker's out folder.")
        with self._engine.archive(seen["Id"], f"{FOLDER}/out/{file}") as archive:
            if archive is None:
                raise NoResult(f"The worker left no file {file!r}.")
            try:
                return store(archive, file, target, limit)
            except OSError as error:
                raise unstored(f"The result of {name} cannot be stored", error) from error
            except tarfile.TarError as error:
                raise HostUnavailable(f"The result of {name} cannot be stored: {error}.") from error

    def remove(self, name: str) -> None:
        seen = self._own(name)
        if seen is None:
            return
        if _runs(seen):
            raise Conflict(f"The worker {name} runs: stop it before it is removed.")
        self._engine.remove(seen["Id"])

    def counts(self, name: str) -> Counts | None:
        told = self._engine.stats(container_name(self._instance, name)) if self._own(name) else None
        return counts(told) if told else None

    def log(self, name: str, limit: int) -> bytes:
        """The last `limit` bytes that the worker wrote to its standard output and error. Untrusted text."""
        seen = self._own(name)
        return self._engine.log(seen["Id"], limit // _LOG_LINES + 1)[-limit:] if seen else b""

    # -- making -------------------------------------------------------------------------------------------------------

    def _create(self, order: WorkerOrder) -> dict[str, Any]:
        image = self.ready()
        command = (*ENTRY, Path(docker_entry.__file__).read_text("utf-8"), *self._made.command, *order.arguments)
        readable = [path.absolute() for path in order.readable]
        self._refuse_what_is_closed(readable)
        made = Container(self._instance, order.name, image.id, command, readable)
        name = container_name(self._instance, order.name)
        with suppress(Taken):  # by another process of this factory, at the same time
            self._engine.create(name, request(made, self._made.profile))
        seen = self._look(order.name)
        if seen is None:
            raise HostUnavailable(f"The container {name} was removed while it was made.")
        return seen

    def _refuse_what_is_closed(self, readable: Iterable[Path]) -> None:
        """What lies above a path is made anew inside, so only the path itself has to be open to the container's user."""
        uid = int(self._made.profile.user.partition(":")[0])
        for path in readable:
            with suppress(OSError):  # what is not there is told by the engine
                status = path.stat()
                wanted = stat.S_IXOTH if stat.S_ISDIR(status.st_mode) else stat.S_IROTH
                if uid not in {0, status.st_uid} and not status.st_mode & wanted:
                    raise HostUnavailable(f"A container's user ({uid}) must read {path}: open it to others, or set docker_user.")

    def _feed(self, order: WorkerOrder, container: str) -> None:
        markers = {"FACTORY_INSTANCE": self._instance, "FACTORY_WORKER": order.name, "FACTORY_WORKER_DIR": FOLDER}
        try:
            self._engine.start(container, inputs(order, markers))
        except HostUnavailable:
            # Its name must be free for another try: what was started without its inputs would only wait for them.
            self._engine.remove(container)
            raise

    # -- looking ------------------------------------------------------------------------------------------------------

    def _own(self, name: str) -> dict[str, Any] | None:
        _check_name(name)
        seen = self._engine.look(container_name(self._instance, name))
        return seen if seen and seen["Config"]["Labels"].get(INSTANCE) == self._instance else None

    def _look(self, name: str) -> dict[str, Any] | None:
        seen = self._engine.look(container_name(self._instance, name))
        owner = seen["Config"]["Labels"].get(INSTANCE) if seen else self._instance
        if owner != self._instance:
            raise Conflict(f"The container {container_name(self._instance, name)} belongs to the factory {owner!r}.")
        return seen

    def _observed(self, name: str, seen: dict[str, Any]) -> Observed:
        state = seen["State"]
        if state["Status"] == _MADE:
            late = self._clock.now() - moment(seen["Created"]) > docker_entry.SECONDS
            return Observed(name, Life.EXITED, reason=_NEVER_STARTED) if late else Observed(name, Life.RUNNING, reason=_BEING_STARTED)
        if _runs(seen):
            return Observed(name, Life.RUNNING, state["Pid"] or None)
        code = exit_code(state["ExitCode"])
        return Observed(name, Life.EXITED, None, code, self._reason(seen, code))

    def _reason(self, seen: dict[str, Any], code: int) -> str:
        state = seen["State"]
        if code == 0:
            return ""
        if state["OOMKilled"]:
            limit = seen["HostConfig"]["Memory"] // 1024**2
            whose = "It" if code == -_SIGKILL else "A program in it"
            return f"{whose} was killed for lack of memory: its container may use {limit} MB."
        if code == -_SIGKILL:
            return "It was killed by SIGKILL: by somebody outside, not for lack of memory."
        if code < 0:
            return f"It was ended by signal {-code}."
        return clean_line(state["Error"] or _last_line(self._engine.log(seen["Id"], _LOG_LINES)))[:_TOLD_CHARACTERS]

    # -- ending -------------------------------------------------------------------------------------------------------

    def _kill(self, name: str, container: str) -> None:
        # The first process of a container takes all others with it.
        self._engine.signal(container, "SIGKILL")
        if not self._ends(container, _END_SECONDS):
            raise HostUnavailable(f"The container of the worker {name} does not end: look at the engine's log.")

    def _ends(self, container: str, seconds: float) -> bool:
        """Whether it ends within the time. The engine's own call for that would need a connection that waits."""
        deadline = self._clock.monotonic() + seconds
        while (seen := self._engine.look(container)) is not None and _runs(seen):
            if self._clock.monotonic() >= deadline:
                return False
            sleep(_LOOK_SECONDS)
        return True


def inputs(order: WorkerOrder, markers: dict[str, str]) -> bytes:
    """What the entry program reads. Nothing overrides the markers."""
    files = {name: len(content) for name, content in order.files.items()}
    header = json.dumps({"files": files, "environment": {**dict(order.environment), **markers}}).encode()
    return b"".join((b"%0*d" % (docker_entry.HEADER_BYTES, len(header)), header, *order.files.values()))


def exit_code(status: int) -> int:
    """The worker's own, negative for a signal, which the container's first process tells as a shell does."""
    return _SIGNALLED - status if _SIGNALLED < status <= _SIGNALLED + _HIGHEST_SIGNAL else status


def _runs(seen: dict[str, Any]) -> bool:
    return seen["State"]["Status"] in _RUNS


def _last_line(log: bytes) -> str:
    lines = [line for line in log.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _check(order: WorkerOrder) -> None:
    _check_name(order.name)
    for file in order.files:
        if not is_plain_name(file):
            raise InvalidInput(f"{file!r} is no name for a worker's file.")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} is no name of a worker.")

"""A host without processes: workers live and die as the test says."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from factory.errors import Conflict, NoResult
from factory.worker_ports import Isolation, Life, Observed, WorkerOrder


@dataclass(slots=True)
class FakeWorker:
    """What a host keeps of one worker. `out` holds what it leaves; None in it is something that is no regular file."""

    instance: str
    order: WorkerOrder
    observed: Observed
    heeds_term: bool = True
    out: dict[str, bytes | None] = field(default_factory=dict)


class FakeWorkerHost:
    """Passes the contract suite of the port.

    Args:
        workers: by name; hosts that share it see the same workers, as processes of one machine do.
        instance: the factory whose workers these are.
    """

    def __init__(
        self,
        workers: dict[str, FakeWorker] | None = None,
        instance: str = "test",
        isolation: Isolation = Isolation.CONFINED,
    ) -> None:
        self.workers = workers if workers is not None else {}
        self._instance = instance
        self._isolation = isolation

    @property
    def isolation(self) -> Isolation:
        return self._isolation

    def start(self, order: WorkerOrder) -> Observed:
        if order.name not in self.workers:
            running = Observed(order.name, Life.RUNNING, pid=1000 + len(self.workers))
            self.workers[order.name] = FakeWorker(self._instance, order, running)
        return self.workers[order.name].observed

    def poll(self, name: str) -> Observed:
        worker = self._own(name)
        return worker.observed if worker else Observed(name, Life.GONE)

    def stop(self, name: str, grace: float) -> Observed:
        worker = self._own(name)
        if worker and worker.observed.life is Life.RUNNING:
            self.ends(name, -15 if worker.heeds_term and grace > 0 else -9)
        return self.poll(name)

    def list_owned(self) -> Sequence[Observed]:
        return [worker.observed for worker in self.workers.values() if worker.instance == self._instance]

    def collect(self, name: str, file: str, target: Path, limit: int) -> int:
        worker = self._own(name)
        content = worker.out.get(file) if worker else None
        if content is None or len(content) > limit:
            raise NoResult(f"{name} left no file {file!r} that could be taken.")
        target.write_bytes(content)
        return len(content)

    def remove(self, name: str) -> None:
        if self.poll(name).life is Life.RUNNING:
            raise Conflict(f"The worker {name} runs: stop it before it is removed.")
        if self._own(name):
            del self.workers[name]

    def ends(self, name: str, code: int | None, reason: str = "") -> None:
        """Lets a worker come to its end."""
        worker = self.workers[name]
        worker.observed = replace(worker.observed, life=Life.EXITED, code=code, reason=reason)

    def leaves(self, name: str, file: str, content: bytes | None) -> None:
        """Puts a file into a worker's out folder; None for something that is no regular file."""
        self.workers[name].out[file] = content

    def _own(self, name: str) -> FakeWorker | None:
        worker = self.workers.get(name)
        return worker if worker and worker.instance == self._instance else None

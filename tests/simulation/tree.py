"""The supervision tree without processes: which children there are, and what follows from their deaths as `domain.supervision` says."""

from collections.abc import Callable, Mapping
from typing import Any

from actors.base import FactoryActor
from actors.tree import worker_child
from factory.domain.supervision import ChildSpec, Ending, Level
from factory.domain.supervision_decide import Escalate, Exit, GiveUp, History, Restart, decide
from factory.protocol.mailbox import Child, Children, Ok, StartWorkerActor, Tree, Work
from tests.simulation.kernel import Kernel
from tests.simulation.seats import Post, Seat

START_SECONDS = 0.3
"""The longest that a process takes until its actor is made."""

COME_BACK_SECONDS = 5.0
"""After which a factory that gave up is started again."""

Make = Callable[[Seat], FactoryActor]


class SimTree:
    """The supervisor. Its children's seats stay while processes come and go in them.

    Attributes:
        away: the whole factory is down.
        gave_up: sentences of children that could not be kept alive.
    """

    def __init__(self, kernel: Kernel, post: Post, fixed: Mapping[str, Make], worker: Callable[[Work], Make], shutdown: float) -> None:
        self._kernel, self._post, self._worker, self._shutdown = kernel, post, worker, shutdown
        self._restarts: dict[Level, tuple[float, ...]] = {}
        self._boots = 0
        self.away = False
        self.gave_up: list[str] = []
        post.on_death = self._died
        post.desks["supervisor"] = self._answer
        for name, make in fixed.items():
            level = Level.EDGE if name == "delivery" else Level.CORE
            post.seats[name] = Seat(ChildSpec(name, level), make, post)
        self.fixed = tuple(post.seats)

    def up(self) -> None:
        """Starts all children that are always there, one after the other."""
        self.away = False
        self._boots += 1
        self._restarts.clear()
        after = 0.0
        for name in self.fixed:
            seat = self._post.seats[name]
            seat.strikes = ()
            after += 0.01 + self._kernel.random.random() * START_SECONDS
            self._plan(seat, after)

    def down(self) -> None:
        """SIGKILL to the root: its children leave at once."""
        self.away = True
        for name in list(self._post.seats):
            seat = self._post.seats[name]
            seat.die(Ending.PARENT_GONE, "the supervisor is gone")
            if name not in self.fixed:
                self._post.seats.pop(name, None)
            seat.planned = False

    def _plan(self, seat: Seat, after: float) -> None:
        seat.planned = True
        self._kernel.at(after, self._start, seat, self._boots)

    def _start(self, seat: Seat, boot: int) -> None:
        if boot == self._boots and not self.away and not seat.alive and seat.planned:
            seat.start()

    def _died(self, seat: Seat, ending: Ending, reason: str) -> None:
        if self.away:
            return
        now = self._kernel.here()
        history = History(seat.strikes, self._restarts.get(seat.spec.level, ()))
        decision = decide(seat.spec, Exit(ending, now - seat.since, reason), history, now)
        match decision:
            case Restart(after, history):
                seat.strikes, self._restarts[seat.spec.level] = history.strikes, history.restarts
                self._plan(seat, after + 0.01 + self._kernel.random.random() * START_SECONDS)
            case GiveUp() as given_up:
                self.gave_up.append(given_up.reason)
                seat.strikes, self._restarts[seat.spec.level] = (), ()
                self._plan(seat, given_up.retry_after)
            case Escalate(reason):
                # Whoever watches over the factory starts it again.
                self.gave_up.append(reason)
                self._kernel.at(0.0, self.down)
                self._kernel.at(COME_BACK_SECONDS, self.up)
            case _:
                self._post.seats.pop(seat.name, None)

    def _answer(self, mail: Any) -> object:
        match mail:
            case StartWorkerActor(work):
                return self._start_worker(work)
            case Children():
                return Tree(tuple(self._node(seat) for seat in self._post.seats.values()))
        raise TypeError(f"a supervisor is not asked {type(mail).__name__}")

    def _start_worker(self, work: Work) -> Ok:
        spec = worker_child(work.lease, self._shutdown)
        if spec.name not in self._post.seats:
            seat = self._post.seats[spec.name] = Seat(spec, self._worker(work), self._post)
            self._plan(seat, 0.01 + self._kernel.random.random() * START_SECONDS)
        return Ok()

    def _node(self, seat: Seat) -> Child:
        state = "running" if seat.alive else "waiting"
        # A child that is on its way has a process already, as the real one shows it.
        pid = 1 if seat.alive or seat.planned else None
        return Child(seat.name, seat.spec.level, pid, state, 0, 0.0)

"""Where actors live without threads: a seat hosts one as `actors.process` does, in turns; the post carries mail between seats."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from actors.base import FactoryActor, Turn
from actors.durable import DurableActor
from factory.domain.supervision import ChildSpec, Ending
from factory.errors import ActorUnavailable, Broken, Retryable
from factory.protocol.mailbox import Refused
from tests.simulation.kernel import Breach, Kernel, Lane, LaneClock

INBOX = 1_000
"""Letters that wait for one actor."""

TURN_SECONDS = 0.002
"""The longest that an actor takes to turn to its mail while nothing is wrong."""

HOP_SECONDS = 0.001
_ROUNDING = 1e-9


class Killed(BaseException):
    """SIGKILL at this very line."""


class Seat(Lane):
    """A child of the tree and the process in it, if any. Times are the kernel's.

    Attributes:
        generation: of its processes; what was planned for an earlier one is void.
        frozen_until: SIGSTOP until then.
        busy_until: its last turn takes so long.
        doom: effects until it is killed, None where nobody wants to kill it.
    """

    def __init__(self, spec: ChildSpec, make: Callable[["Seat"], FactoryActor], post: "Post") -> None:
        super().__init__(spec.name)
        self.spec, self._make, self._post = spec, make, post
        self.actor: FactoryActor | None = None
        self.alive = False
        self.generation = 0
        self.inbox: deque[Any] = deque()
        self.waiting: list[tuple[Seat | None, int, Any]] = []
        self.frozen_until = self.busy_until = self.since = 0.0
        self.doom: int | None = None
        self.in_turn = False
        self.strikes: tuple[float, ...] = ()
        self.planned = False
        """A start is under way or will be."""
        self._sources: Sequence[Any] = ()
        self._next_tick: float | None = None
        self._tick_every: float | None = None
        self._turn_at: float | None = None

    @property
    def kernel(self) -> Kernel:
        return self._post.kernel

    def step(self) -> None:
        if self.doom is not None:
            self.doom -= 1
            if self.doom <= 0:
                raise Killed(self.name)

    def wait(self, seconds: float) -> None:
        """Blocks the process."""
        self.lag += seconds

    # -- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """A new process. What was told to it meanwhile by those who still live comes in."""
        self.generation += 1
        self.inbox.clear()
        self.doom, self.lag, self.busy_until, self.since, self._turn_at = None, 0.0, 0.0, self.kernel.now, None
        self._sources, self._next_tick, self.planned, self.alive = (), None, False, True
        self.kernel.note(self.name, "starts")
        if self._within(self._begin) is not None:
            self._post.on_birth(self)
            self.inbox.extend(mail for sender, born, mail in self.waiting if sender is None or sender.generation == born)
            self.waiting.clear()
            self.wake()

    def _begin(self) -> bool:
        actor = self._make(self)
        actor.clock = LaneClock(self.kernel, self)
        if isinstance(actor, DurableActor):
            actor.pause = self.wait
        self.actor = actor
        actor.on_start()
        self._settle(tuple(actor.sources()), actor.tick_every)
        return True

    def die(self, ending: Ending, reason: str) -> None:
        """The process is gone, with all that it had taken and not done."""
        if not self.alive:
            return
        self.kernel.note(self.name, "dies", reason)
        self.actor, self.alive = None, False
        self.generation += 1
        self.inbox.clear()
        self.lag = self.frozen_until = 0.0
        self._post.died(self, ending, reason)

    def kill(self, reason: str) -> None:
        self.die(Ending.KILLED, reason)

    # -- turns --------------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """There is something to do."""
        when = max(self.kernel.now + self.kernel.random.random() * TURN_SECONDS, self.busy_until, self.frozen_until)
        if self.actor is not None and (self._turn_at is None or when < self._turn_at):
            self._turn_at = when
            self.kernel.at(when - self.kernel.now, self._turn, self.generation, when)

    def _turn(self, generation: int, planned: float) -> None:
        if self.generation != generation or self._turn_at != planned:
            return
        self._turn_at = None
        if self.kernel.now < max(self.frozen_until, self.busy_until):
            self.wake()
            return
        self.take()

    def take(self, *more: Any, tick: bool = True) -> Any:
        """Has the actor take what is there, and `more` after it; the answer to the last mail."""
        tick = tick and self._next_tick is not None and self.kernel.now >= self._next_tick - _ROUNDING
        mails = (*self.inbox, *more)
        self.inbox.clear()
        ready = tuple(source for source in self._sources if source.has_work())
        if not (mails or ready or tick):
            return self.plan_tick()
        if tick:
            self._next_tick = None
        actor = self.actor
        if actor is None:
            raise Breach(f"{self.name} has no process")
        turned = self._within(lambda: actor.on_receive(Turn(mails, ready, tick)))
        if turned is None:
            return None
        self._settle(turned.sources, turned.tick_every)
        if turned.leaves:
            self.die(Ending.FINISHED, "it has nothing left to do")
        return turned.answers[-1] if turned.answers else None

    def _within(self, work: Callable[[], Any]) -> Any:
        """Something in this process; None where it does not survive it."""
        before, self.kernel.current, self.in_turn = self.kernel.current, self, True
        generation, starting = self.generation, self.actor is None
        failed = Ending.START_FAILED if starting else Ending.CRASHED
        try:
            done = work()
        except Killed:
            ending, reason = Ending.KILLED, "killed at an effect"
        except Retryable as error:
            ending, reason = failed, f"{type(error).__name__}: {error}"
        except Broken as error:
            ending, reason = Ending.BROKEN, str(error)
        except Breach:
            raise
        except Exception as error:
            if not isinstance(error.__cause__, Killed):  # which the actor takes for an exit of its own
                raise Breach(f"{self.name} crashed: {type(error).__name__}: {error}") from error
            ending, reason = Ending.KILLED, "killed at an effect"
        else:
            if self.generation == generation:
                self.busy_until = self.kernel.now + self.lag
                self.lag = 0.0
                return done
            return None
        finally:
            self.kernel.current, self.in_turn = before, False
        self.die(ending, reason)
        return None

    def _settle(self, sources: Sequence[Any], tick_every: float | None) -> None:
        self._sources = sources
        if tick_every is None:
            self._next_tick = None
        elif self._next_tick is None or tick_every != self._tick_every:
            self._next_tick = self.kernel.now + self.lag + tick_every
        self._tick_every = tick_every
        self.plan_tick()

    def plan_tick(self) -> None:
        when = None if self._next_tick is None else max(self._next_tick, self.kernel.now + self.lag)
        if self.inbox or any(source.has_work() for source in self._sources):
            when = self.kernel.now + self.lag
        if when is not None and (self._turn_at is None or when < self._turn_at):
            self._turn_at = when
            self.kernel.at(when - self.kernel.now, self._turn, self.generation, when)


class Post:
    """Mail between seats, in order from each sender to each receiver.

    Attributes:
        delay: draws the seconds that a letter travels.
        loss: likelihood that a letter to a process that is away is lost instead of waiting, or an answer on its way.
        on_tell: called with each sender and letter before it is sent; the seconds that it stays in the memory of a stopped sender.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.seats: dict[str, Seat] = {}
        self.desks: dict[str, Callable[[Any], object]] = {}
        """Who answers without a seat: the supervisor."""
        self.absent = frozenset({"learner"})
        """Whose inboxes take nothing: no worker needs them."""
        self.loss = 0.0
        self.on_death: Callable[[Seat, Ending, str], object] = lambda *_: None
        self.on_birth: Callable[[Seat], object] = lambda _: None
        self.on_tell: Callable[[Seat, object], float] = lambda *_: 0.0
        self._channels: dict[tuple[str, int, str], _Channel] = {}

    def died(self, seat: Seat, ending: Ending, reason: str) -> None:
        self.on_death(seat, ending, reason)

    def tell(self, sender: Seat, address: str, mail: Any) -> bool:
        sender.step()
        if address in self.absent:
            return False
        key = (sender.name, sender.generation, address)
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = _Channel(sender)
        if len(channel.mails) >= INBOX:
            return False
        held = self.on_tell(sender, mail)
        channel.mails.append(mail)
        channel.last = max(channel.last, self.kernel.now + sender.lag + held + self.kernel.random.random() * HOP_SECONDS)
        self.kernel.at(channel.last - self.kernel.now, self._arrive, channel, address)
        return True

    def drop(self, address: str, mail: Any) -> None:
        """From outside, without a sender that could lose it."""
        self._deliver(None, address, mail)

    def _arrive(self, channel: "_Channel", address: str) -> None:
        if channel.mails:  # else an ask took it along
            self._deliver(channel.sender, address, channel.mails.popleft())

    def _deliver(self, sender: Seat | None, address: str, mail: Any) -> None:
        seat = self.seats.get(address)
        if seat is None:
            return
        if seat.actor is not None:
            if len(seat.inbox) < INBOX:
                seat.inbox.append(mail)
                seat.wake()
        elif not self.kernel.chance(self.loss) and len(seat.waiting) < INBOX:
            seat.waiting.append((sender, sender.generation if sender else 0, mail))

    def ask(self, sender: Lane, address: str, mail: Any, timeout: float) -> object:
        sender.step()
        if address in self.desks:
            return self.desks[address](mail)
        asked = self.kernel.now + sender.lag
        seat = self.seats.get(address)
        if seat is None or seat.actor is None:
            return self._unanswered(sender, asked, address, timeout)
        if seat.in_turn:
            raise Breach(f"{sender.name} asks {address}, which waits for it")
        self._take_along(sender, seat)
        begins = max(asked + self.kernel.random.random() * HOP_SECONDS, seat.busy_until, seat.frozen_until)
        if begins - asked > timeout:
            seat.inbox.append(mail)
            seat.wake()
            return self._unanswered(sender, asked, address, timeout)
        seat.lag = begins - self.kernel.now
        generation = seat.generation
        answer = seat.take(mail, tick=False)
        late = seat.busy_until - asked > timeout or self.kernel.chance(self.loss * 0.1)
        if seat.generation != generation or late:
            return self._unanswered(sender, asked, address, timeout)
        sender.lag = max(sender.lag, seat.busy_until - self.kernel.now)
        sender.step()
        return answer if answer is not None else Refused(f"{type(mail).__name__} has no answer")

    def _take_along(self, sender: Lane, seat: Seat) -> None:
        """What the sender told before it asks comes before the question."""
        channel = self._channels.get((sender.name, getattr(sender, "generation", 0), seat.name))
        if channel is not None:
            seat.inbox.extend(channel.mails)
            channel.mails.clear()

    def _unanswered(self, sender: Lane, asked: float, address: str, timeout: float) -> object:
        sender.lag = asked + timeout - self.kernel.now
        raise ActorUnavailable(f"The actor {address} did not answer within {timeout:g} s.")


class _Channel:
    """From one process to one address."""

    def __init__(self, sender: Seat) -> None:
        self.sender = sender
        self.mails: deque[Any] = deque()
        self.last = 0.0


class SeatMailbox:
    """One actor's way to the others: `ports.Mailbox`."""

    def __init__(self, post: Post, seat: Seat) -> None:
        self._post, self._seat = post, seat

    def tell(self, address: str, mail: object) -> bool:
        return self._post.tell(self._seat, address, mail)

    def ask(self, address: str, mail: object, timeout: float) -> object:
        return self._post.ask(self._seat, address, mail, timeout)

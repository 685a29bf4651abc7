"""What goes wrong, drawn from the seed: which kinds of faults a run has, when, for how long, and that all of it ends."""

from collections.abc import Callable

from factory.domain.ids import Commit, WorkerId, worker_actor
from factory.protocol.attempt_mail import Finish
from tests.simulation.checker import LONG, Checker, Unfair
from tests.simulation.kernel import Kernel
from tests.simulation.seats import Seat
from tests.simulation.world import H, World

FIRST, LAST = 15.0, 300.0
"""Faults happen between these."""
_MEAN_GAP = 11.0
MOST_BACK = 800 * H
"""Of the wall clock: more than an hour, and than a run has."""


class Faults:
    """Plans a run's faults. Each seed has about half of the kinds, so that rare combinations get their turn."""

    def __init__(self, world: World, checker: Checker) -> None:
        self._world, self._checker = world, checker
        self._kernel: Kernel = world.kernel
        kinds: list[Callable[[], None]] = [
            self._kill_actor, self._kill_at_an_effect, self._kill_worker_actor, self._freeze_actor, self._freeze_worker_actor,
            self._freeze_agent, self._crash_agent, self._factory_down, self._power_cut, self._stop_everything, self._suspend_machine,
            self._store_outage, self._trouble_at_commits, self._bad_net, self._partition, self._bad_remote, self._bad_host,
            self._undead, self._set_clock_back, self._slow_jobs, self._foreign_branch,
        ]  # fmt: skip
        self._kinds = [kind for kind in kinds if self._kernel.random.random() < 0.5] or kinds

    def plan(self) -> None:
        kernel, at = self._kernel, FIRST
        self._world.post.loss = 0.3
        while (at := at + kernel.random.expovariate(1 / _MEAN_GAP)) < LAST:
            kernel.at(at, kernel.random.choice(self._kinds))
        kernel.at(LAST, self._calm)
        if kernel.chance(0.4):
            self._world.post.on_birth = self._born
        if kernel.chance(0.4):
            self._world.host.on_last_leg = self._on_last_leg
        if kernel.chance(0.4):
            self._world.post.on_tell = self._on_tell
        if kernel.chance(0.4):
            self._world.host.on_begun = self._on_begun

    def _born(self, seat: Seat) -> None:
        """A worker's actor stops in the first moments of its lease, and goes on when that is over."""
        if seat.name not in self._world.tree.fixed and self._kernel.chance(0.3):
            self._kernel.at(self._kernel.random.random() * 2, self._freeze, seat, self._some(4 * H, 9 * H))

    def _on_begun(self, name: str) -> None:
        """A worker's actor stops before it hears that its agent has begun, and hears it when another attempt has."""
        seat = self._world.post.seats.get(worker_actor(WorkerId(name)))
        if seat is not None and self._kernel.chance(0.3):
            self._freeze(seat, self._some(6 * H, 12 * H))

    def _on_last_leg(self, name: str) -> None:
        """A worker's actor stops before its agent says the last word, and hears it when the lease is over."""
        seat = self._world.post.seats.get(worker_actor(WorkerId(name)))
        if seat is not None and self._kernel.chance(0.3):
            self._kernel.at(0.2 + self._kernel.random.random(), self._freeze, seat, self._some(5 * H, 9 * H))

    def _on_tell(self, seat: Seat, mail: object) -> float:
        """A worker's actor stops with a result on its way out of the process, which is offered when the lease is over."""
        if not isinstance(mail, Finish) or mail.outcome != "done" or not self._kernel.chance(0.3):
            return 0.0
        seconds = self._some(5 * H, 9 * H)
        self._freeze(seat, seconds)
        return seconds

    def _calm(self) -> None:
        """Nothing is wrong any more."""
        world = self._world
        world.post.on_birth = lambda _: None
        world.post.on_tell = lambda *_: 0.0
        world.host.on_begun = world.host.on_last_leg = lambda _: None
        self._kernel.note("faults", "end")
        world.post.loss = world.net.loss = world.net.double = world.net.late = world.remote.trouble = world.host.trouble = 0.0
        world.host.undead = world.commit_trouble = world.store_away_until = 0.0
        world.host.well = True
        world.net.cut.clear()
        for seat in world.post.seats.values():
            seat.frozen_until = min(seat.frozen_until, self._kernel.now)
            seat.doom = None
            seat.wake()
        for agent in world.host.agents():
            agent.frozen_until = min(agent.frozen_until, self._kernel.now)
        for ghost in world.host.ghosts:
            ghost.die()
        if world.tree.away:
            world.tree.up()
        self._checker.calm_since = self._kernel.now

    def _unfair(self, seconds: float, why: str, *, of_process: bool) -> None:
        queue, since, until = self._world.post.seats["queue"], self._kernel.now, self._kernel.now + seconds
        if of_process:
            # Where it waits within a turn already, that turn ends as planned: it stands still from there on.
            since = max(since, queue.busy_until)
        if until - since > LONG:
            self._checker.unfair.append(Unfair(since, until, why, queue.generation if of_process else None))

    # -- choices ------------------------------------------------------------------------------------------------------

    def _some(self, least: float, most: float) -> float:
        """Seconds; the end of all faults bounds them."""
        return min(self._drawn(least, most), max(LAST - self._kernel.now, 0.0))

    def _drawn(self, least: float, most: float) -> float:
        return least + self._kernel.random.random() * (most - least)

    def _seat(self, *, worker: bool) -> Seat | None:
        fixed = self._world.tree.fixed
        seats = [seat for seat in self._world.post.seats.values() if seat.alive and (seat.name in fixed) != worker]
        return self._kernel.random.choice(seats) if seats else None

    def _during(self, seconds: float, target: object, name: str, value: float) -> None:
        self._kernel.note("faults", name, (value, round(seconds, 1)))
        setattr(target, name, value)
        self._kernel.at(seconds, setattr, target, name, 0.0)

    # -- actors -------------------------------------------------------------------------------------------------------

    def _kill(self, seat: Seat | None, doom: int = 0) -> None:
        if seat is not None and doom:
            seat.doom = doom
        elif seat is not None:
            seat.kill("SIGKILL")

    def _kill_actor(self) -> None:
        self._kill(self._seat(worker=False))

    def _kill_at_an_effect(self) -> None:
        self._kill(self._seat(worker=self._kernel.chance(0.4)), self._kernel.random.randint(1, 12))

    def _kill_worker_actor(self) -> None:
        self._kill(self._seat(worker=True))

    def _freeze(self, seat: Seat | None, seconds: float) -> None:
        if seat is not None:
            self._kernel.note("faults", "freezes", (seat.name, round(seconds, 1)))
            seat.frozen_until = max(seat.frozen_until, self._kernel.now + seconds)
            if seat.name == "queue":
                self._unfair(seconds, "a stop of the queue", of_process=True)

    def _freeze_actor(self) -> None:
        self._freeze(self._seat(worker=False), self._some(0.2 * H, 6 * H))

    def _freeze_worker_actor(self) -> None:
        self._freeze(self._seat(worker=True), self._some(H, 12 * H))

    # -- workers ------------------------------------------------------------------------------------------------------

    def _freeze_agent(self) -> None:
        agents = self._world.host.agents()
        if agents:
            agent, seconds = self._kernel.random.choice(agents), self._some(2 * H, 20 * H)
            self._kernel.note("faults", "freezes", (agent.name, round(seconds, 1)))
            agent.frozen_until = max(agent.frozen_until, self._kernel.now + seconds)

    def _crash_agent(self) -> None:
        if self._world.host.workers:
            self._world.host.crash(self._kernel.random.choice(sorted(self._world.host.workers)))

    def _bad_host(self) -> None:
        self._during(self._some(0.5 * H, 5 * H), self._world.host, "trouble", 0.3)

    def _undead(self) -> None:
        self._during(self._some(H, 10 * H), self._world.host, "undead", 0.7)

    # -- everyone -----------------------------------------------------------------------------------------------------

    def _factory_down(self) -> None:
        if not self._world.tree.away:
            seconds = self._some(0.2 * H, 8 * H)
            self._kernel.note("faults", "factory down", round(seconds, 1))
            self._world.tree.down()
            self._kernel.at(seconds, self._up)

    def _up(self) -> None:
        if self._world.tree.away:
            self._world.tree.up()

    def _power_cut(self) -> None:
        if self._kernel.chance(0.5):
            self._world.host.clear()
        self._factory_down()

    def _stop_everything(self) -> None:
        """SIGSTOP to all processes but the database's."""
        seconds = self._some(H, 20 * H)
        self._kernel.note("faults", "everything stops", round(seconds, 1))
        end = self._kernel.now + seconds
        for seat in self._world.post.seats.values():
            seat.frozen_until = max(seat.frozen_until, end)
        for agent in self._world.host.agents():
            agent.frozen_until = max(agent.frozen_until, end)
        self._unfair(seconds, "a stop of everything", of_process=True)

    def _suspend_machine(self) -> None:
        """What monotonic clocks do not see and the wall clock does."""
        seconds = self._drawn(H, 2_000 * H)
        self._kernel.note("faults", "suspend", round(seconds, 1))
        self._kernel.wall += seconds
        if seconds > LONG:
            self._checker.unfair.append(Unfair(self._kernel.now, self._kernel.now, "a suspend of the machine"))

    def _set_clock_back(self) -> None:
        seconds = self._drawn(0.1 * H, MOST_BACK)
        self._kernel.note("faults", "clock back", round(seconds, 1))
        self._kernel.wall -= seconds

    # -- store, link, remote ------------------------------------------------------------------------------------------

    def _store_outage(self) -> None:
        if self._world.store_away_until > self._kernel.now:
            return  # whoever waits for its end has gone ahead to it, and would not see it put off
        seconds = self._some(0.1, 20 * H if self._kernel.chance(0.2) else 6 * H)
        self._kernel.note("faults", "store away", round(seconds, 1))
        self._world.store_away_until = self._kernel.now + seconds
        self._unfair(seconds, "an outage of the store", of_process=False)

    def _trouble_at_commits(self) -> None:
        self._during(self._some(H, 8 * H), self._world, "commit_trouble", 0.5)

    def _bad_net(self) -> None:
        seconds, net = self._some(H, 10 * H), self._world.net
        for name in ("loss", "double", "late"):
            self._during(seconds, net, name, self._kernel.random.random() * 0.4)
        net.slow = self._kernel.random.random() * 3 * H

    def _partition(self) -> None:
        """Of one worker; sometimes in one direction only."""
        agents = self._world.host.agents()
        if agents:
            agent, seconds = self._kernel.random.choice(agents), self._some(H, 12 * H)
            ways = self._kernel.random.choice(((True,), (False,), (True, False)))
            self._kernel.note("faults", "cuts off", (agent.name, ways, round(seconds, 1)))
            for upward in ways:
                self._world.net.cut[agent.name, upward] = self._kernel.now + seconds

    def _bad_remote(self) -> None:
        self._during(self._some(H, 10 * H), self._world.remote, "trouble", 0.6)

    def _slow_jobs(self) -> None:
        self._world.slow_jobs = self._some(0.3, 2 * H)
        self._kernel.at(self._some(H, 6 * H), setattr, self._world, "slow_jobs", 0.3)

    def _foreign_branch(self) -> None:
        """A person has made the branch of an item before the factory does."""
        remote, items = self._world.remote, sorted(self._world.tables.items)
        free = [item for item in items if ("/repo", f"factory/{item}") not in remote.refs]
        if free:
            remote.refs["/repo", f"factory/{self._kernel.random.choice(free)}"] = Commit("f" * 40)

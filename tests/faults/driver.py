"""The fault driver: one scenario of RELIABILITY 3.3 is one test that takes `trial`.

    @pytest.mark.faults
    @pytest.mark.scenario("F01", "the agent's process dies", bound=2)
    def test_an_agent_that_dies_is_noticed_by_its_end(trial: Trial) -> None:
        item = trial.begin()                          # submitted, and its agent runs (and waits, see below)
        trial.kill(trial.worker(item), "worker")      # proves that it took effect, notes it, starts the stopwatch
        trial.recovered(item)                         # runs again under a new epoch, or has ended; measured in H
        trial.settle(item)                            # lets agents go on; waits for the one pull request

`scenario(id, name, bound=..., settings={...}, own_database=False, link=False, spends=False, cases=False)`

    bound         in heartbeats (H = 1 s), None where RELIABILITY has none
    settings      environment variables of the factory
    own_database  `trial.site.own` is a PostgreSQL server of the test's, with `own.proxy` before it
    link          `trial.site.link_proxy` stands before the gateway's socket, also after the gateway's restarts
    spends        the site is for this one trial: it spends what a day gives once, or leaves something behind
    cases         its parameter says all that is done: the first seed tries each case, each further one a case that it draws

With the mark `alone` nothing of the faults runs beside it, since cores are few: for what is quick, keeps them busy, or ends shortly before
its bound.

A site is kept for the next test that wants the same one; a test that fails gets its folder kept and its site ended.

After the test the checker looks at I1-I10 for all items that the trial submitted: `checker.lasting_breaches`. What the matrix prints is
`trial.measured` (set by `recovered`, or `trial.took(seconds)`; the largest counts) over H beside the bound; more than the bound fails.

trial.site            the factory (tests.real_factory.RealFactory: ask, view, pids, agents, hold, release, rows, item, log, up, down) and
                      site.git (HTTP remotes: repository, trouble, fired, ledger), site.observer, site.program (agents), say, unsay
trial.rng             seeded from FAULT_SEED and the scenario: take all chance from it. `trial.pause(low, high)` waits, in H
trial.begin, submit, running, worker, engines, actor, recovered, settle, settled          items and processes
trial.kill, stop, resume, end_server, cut_sessions, note, fault_ends                      faults, each with its proof
effects.py has the faults as functions, proxy.py the bytes, agents.py the scripts, git_server.py the remote, evidence.py what is checked.

Agents stand still while the sign `wait` is there: `begin` makes it, `settle` takes it away. A failure prints the schedule with its seed;
`FAULT_SEED=n pytest tests/faults/... ` runs it again; `make faults SEEDS=3` runs all with three seeds.
"""

import random
import signal
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from factory.domain.ids import Epoch, ItemId, worker_actor, worker_id
from factory.protocol.commands import Reply, Steer
from tests.faults import effects
from tests.faults.agents import SPEC
from tests.faults.checker import Breach, lasting_breaches
from tests.faults.evidence import TERMINAL
from tests.faults.grounds import H, Site
from tests.waiting import eventually

Verb = Literal["kill", "retry", "cancel", "approve", "reject", "prioritise"]

START_SECONDS = 60.0
"""Until something that is not measured has happened, on a busy machine."""


@dataclass
class Schedule:
    """What was done when: seconds since the trial began."""

    seed: int
    began: float = field(default_factory=time.monotonic)
    lines: list[str] = field(default_factory=list)

    def note(self, what: str) -> None:
        self.lines.append(f"{time.monotonic() - self.began:8.3f}  {what}")

    def __str__(self) -> str:
        return "\n".join([f"seed {self.seed}", *self.lines])


class Trial:
    """One scenario on one site."""

    def __init__(self, site: Site, scenario: str, seed: int, bound: float | None = None) -> None:
        self.site, self.scenario, self.seed, self.bound = site, scenario, seed, bound
        self.rng = random.Random(f"{seed}-{scenario}")
        self.schedule = Schedule(seed)
        self.items: list[str] = []
        self.measured: float | None = None
        self.remark = ""
        self._ended_at = time.monotonic()
        self._epochs: dict[str, int] = {}
        self._faults = 0

    # -- items --------------------------------------------------------------------------------------------------------

    def submit(self, **changes: Any) -> str:
        """Hands a spec in and returns the item once it is accepted. Keywords as `protocol.commands.Submit` has them."""
        repo = changes.pop("repo", self.site.repo)
        item = self.site.submit(repo, **{"spec": SPEC, **changes})
        self.items.append(item)
        self.note(f"{item} is accepted")
        return item

    def begin(self, **changes: Any) -> str:
        """An item whose agent runs and stands still until `settle` or `site.unsay("wait")`."""
        self.site.say("wait")
        item = self.submit(**changes)
        self.running(item)
        return item

    def running(self, item: str, beyond: int = 0) -> dict[str, Any]:
        """Waits until it runs, at an epoch beyond this one; returns its row."""

        def there() -> dict[str, Any] | None:
            row = self.site.item(item)
            return row if row["status"] == "running" and row["epoch"] > beyond else None

        row = eventually(there, START_SECONDS, lambda: f"{item} runs, it is {self.site.item(item)}; {self.site.log()}")
        self._epochs[item] = row["epoch"]
        return row

    def name(self, item: str) -> str:
        """Of the worker of its present epoch."""
        return worker_id(ItemId(item), Epoch(self.site.item(item)["epoch"]))

    def worker(self, item: str) -> int:
        """The pid of its worker's first process: the agent in the worker."""
        name = self.name(item)
        return eventually(lambda: self.site.agents().get(name), START_SECONDS, f"{name} has a process")

    def engines(self, item: str) -> list[int]:
        """The processes below the worker's first one: its engine and what that started."""
        return eventually(lambda: effects.family(self.worker(item))[1:], START_SECONDS, f"{item} has an engine")

    def actor(self, name: str) -> int:
        """The pid of a process of the tree: root, postgres, queue, ... or an item's id for the actor of its worker."""
        if name in self.items:
            name = worker_actor(self.name(name))  # type: ignore[arg-type]  # a worker's id
        return eventually(lambda: self.site.pids().get(name), START_SECONDS, f"{name} is in the tree")

    def recovered(self, item: str, *, epoch: int | None = None) -> float:
        """Waits until it runs again beyond the epoch at which the fault met it, or has ended; takes the time, in seconds."""
        before = self._epochs.get(item, 0) if epoch is None else epoch

        def goes_on() -> bool:
            row = self.site.item(item)
            return row["status"] in TERMINAL or (row["status"] == "running" and row["epoch"] > before)

        eventually(goes_on, START_SECONDS, lambda: f"{item} recovers: {self.site.item(item)}")
        return self.took_since_fault()

    def given_up(self, item: str) -> float:
        """Waits until its lease was taken back, which is what has a bound where a worker is silent; takes the time, in seconds."""
        ended = "SELECT reason FROM attempts WHERE item = %s AND epoch = %s AND ended_at IS NOT NULL"
        rows = eventually(lambda: self.site.rows(ended, item, self._epochs[item]), START_SECONDS, f"the lease of {item} is taken back")
        self.note(f"its lease was taken back: {rows[0]['reason']}")
        return self.took_since_fault()

    def took_since_fault(self, until: float | None = None) -> float:
        """Now is when it has recovered, in the way the test waited for; or `until`, in monotonic seconds."""
        return self.took((time.monotonic() if until is None else until) - self._ended_at)

    def settle(self, *items: str, status: str = "completed", attempts: int | None = 0) -> None:
        """Lets the agents go on and waits for the items' end; all of the trial's where none is named.

        Args:
            attempts: burnt ones that each must have, None: any.
        """
        self.site.unsay("wait")
        for item in items or self.items:
            row = self.site.settled(item, status)
            self.note(f"{item} is {row['status']} at epoch {row['epoch']}, {row['attempts']} attempts, {row['setbacks']} setbacks")
            if attempts is not None:
                assert row["attempts"] == attempts, f"{item} burnt {row['attempts']} attempts: {self.site.view('item', item)['attempts']}"

    def steer(self, verb: Verb, item: str, **changes: Any) -> Reply:
        """An operator's command; its answer is noted."""
        # With the item in its name: another trial of the same scenario at this site draws the same numbers.
        reply = self.site.ask(Steer(f"{verb}-{item}-{self.rng.random()}", verb, item, "driver", **changes))
        self.note(f"{verb} {item}: {reply.code} {reply.reason}")
        return reply

    # -- faults -------------------------------------------------------------------------------------------------------

    def kill(self, pids: int | Iterable[int], who: str = "") -> None:
        self._fault(who, effects.kill(self.site, [pids] if isinstance(pids, int) else pids))

    def stop(self, pids: int | Iterable[int], who: str = "") -> None:
        self._fault(who, effects.stop([pids] if isinstance(pids, int) else pids))

    def resume(self, pids: int | Iterable[int], who: str = "") -> None:
        self._fault(who, effects.resume([pids] if isinstance(pids, int) else pids))

    def end_server(self, how: str) -> None:
        self._fault("PostgreSQL", effects.end_server(self.site, how))

    def cut_sessions(self, most: int = 100, name: str = "%") -> None:
        self._fault("PostgreSQL", effects.cut_sessions(self.site, most, name))

    def did(self, what: str, took_effect: Callable[[], object], seconds: float = 10.0) -> None:
        """A fault of the test's own making: waits for the proof that it took effect."""
        proof = eventually(took_effect, seconds, f"{what} took effect")
        self._fault("", f"{what}: {proof}")

    def fault_ends(self, what: str = "") -> None:
        """From now on recovery counts. Each fault does so too; the last one stands."""
        self._ended_at = time.monotonic()
        self.note(f"the fault ends {what}")

    def pause(self, low: float, high: float | None = None) -> None:
        """Lets that many heartbeats pass; between two bounds as the seed says. What is waited for here is time itself."""
        beats = low if high is None else self.rng.uniform(low, high)
        self.note(f"{beats:.2f} H pass")
        threading.Event().wait(beats * H)

    def starts(self) -> None:
        """Recovery counts from the factory's last start: the moment at which its root held the data folder."""
        self._ended_at = self.site.started_at
        self.note(f"the factory was started {time.monotonic() - self._ended_at:.2f} s ago")

    def took(self, seconds: float) -> float:
        """Notes a recovery; the longest of a trial counts."""
        self.note(f"recovered after {seconds / H:.2f} H")
        self.measured = max(self.measured or 0.0, seconds)
        return seconds

    def note(self, what: str) -> None:
        self.schedule.note(what)

    def terminate(self, pids: Iterable[int], number: signal.Signals = signal.SIGTERM) -> None:
        """Another signal, whose effect the test looks at itself."""
        victims = list(pids)
        effects.send(victims, number)
        self._fault("", f"{number.name} {victims}")

    def _fault(self, who: str, proof: str) -> None:
        self._faults += 1
        self._ended_at = time.monotonic()
        self.note(f"{who}: {proof}" if who else proof)

    # -- the end ------------------------------------------------------------------------------------------------------

    def conclude(self) -> None:
        """What must hold whatever the scenario was. Called for each trial whose test has passed."""
        found: list[Breach] = lasting_breaches(self.site, self.items)
        assert not found, "\n".join(["invariants are breached:", *map(str, found)])
        assert self._faults, f"{self.scenario} did no fault"
        if self.bound is not None and self.measured is not None:
            assert self.measured <= self.bound * H, f"{self.scenario} took {self.measured / H:.2f} H, its bound is {self.bound} H"

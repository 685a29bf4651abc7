"""One seed, ten simulated minutes: the factory, its operators, its faults, and whoever checks what comes of it."""

import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

from factory.protocol.commands import Steer, Submit
from factory.protocol.mailbox import Lease
from tests.simulation.checker import Checker
from tests.simulation.faults import Faults
from tests.simulation.kernel import Breach, Kernel
from tests.simulation.memory.statements import STATEMENTS
from tests.simulation.script import FILES, Quality, commit_of
from tests.simulation.world import H, World

SECONDS = 600.0
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LAST_SUBMISSION = 150.0
_LAST_COMMAND = 290.0
_SILENT = 0.25
"""How often a worker that verifies ends without a word."""
_TRACE_SHOWN = 400

_VERBS: tuple[Literal["kill", "retry", "cancel", "approve", "reject", "prioritise"], ...] = (
    "kill", "kill", "retry", "cancel", "approve", "reject", "prioritise",
)  # fmt: skip

Change = Callable[[World], object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`breach` is empty where all held; `trace` is told lazily, since it is long."""

    seed: int
    breach: str
    steps: int
    trace: list[tuple[float, str, str, object]]

    def told(self, most: int = _TRACE_SHOWN) -> str:
        """The seed, the breach, and the last of what happened before it."""
        lines = [f"{at:9.3f}  {who:24} {what} {'' if more is None else more}" for at, who, what, more in self.trace[-most:]]
        return "\n".join([f"seed {self.seed}: {self.breach or 'nothing'}", *lines, f"again: make simulate SEED={self.seed}"])

    @property
    def digest(self) -> int:
        """The same for the same run."""
        return zlib.crc32(repr([(round(at, 6), who, what) for at, who, what, _ in self.trace]).encode())


class Scenario:
    """What operators do: items at random times, some said twice, and commands that may come at any moment."""

    def __init__(self, world: World, checker: Checker) -> None:
        self._world, self._checker, self._kernel = world, checker, world.kernel
        self._items: list[str] = []
        self._commands = 0

    def plan(self) -> None:
        chance = self._kernel.random
        for _ in range(chance.randint(3, 7)):
            order = self._order()
            at = chance.random() * _LAST_SUBMISSION
            for _ in range(chance.choice((1, 1, 2))):
                self._kernel.at(at, self._submit, order)
        for _ in range(chance.choice((0, 0, 2, 5))):
            self._kernel.at(20 + chance.random() * (_LAST_COMMAND - 20), self._steer)

    def _order(self) -> Submit:
        chance = self._kernel.random
        item = "".join(chance.choice(_ALPHABET) for _ in range(10))
        files = tuple(chance.sample(FILES, chance.randint(1, 2))) if chance.random() < 0.4 else ()
        return Submit(f"submit {item}", item, "/repo", "main", f"Do {item}", "- [ ] x\n", "command:true", chance.randint(0, 3), files=files)

    def _submit(self, order: Submit) -> None:
        if self._world.operator.ask("queue", order) is None:
            self._kernel.at(2.0, self._submit, order)  # no answer: said again, under the same id
        else:
            self._items.append(order.item)

    def _steer(self) -> None:
        items, chance = sorted(self._world.tables.items), self._kernel.random
        if items:
            self._commands += 1
            row = self._world.tables.items[chance.choice(items)]
            verb = chance.choice(_VERBS)
            expected = row["epoch"] if chance.random() < 0.5 else None
            self._command(Steer(f"c{self._commands}", verb, row["id"], "tester", expected, str(chance.randint(0, 3))), 0)

    def _command(self, order: Steer, tries: int) -> None:
        row = self._world.tables.items[order.item]
        if order.verb == "kill":
            self._checker.blamed.add(Lease(row["id"], row["epoch"]))
            self._checker.blamed.add(Lease(row["id"], row["epoch"] + 1))
        reply = self._world.operator.ask("queue", order)
        self._kernel.note("operator", order.verb, (order.item, reply))
        if reply is None and tries < 20:
            self._kernel.at(1.0, self._command, order, tries + 1)


def run(seed: int, change: Change | None = None, around: AbstractContextManager[object] | None = None) -> Outcome:
    """One run.

    Args:
        change: made to the world before it begins: a mutation.
        around: entered for the length of the run.
    """
    kernel = Kernel(seed)
    world = World(kernel, {**STATEMENTS})
    try:
        with around or nullcontext():
            return Outcome(seed, _breach(world, change), kernel.steps, kernel.trace)
    finally:
        world.close()


def _breach(world: World, change: Change | None) -> str:
    kernel = world.kernel
    if change is not None:
        change(world)
    checker = Checker(world)
    world.watch(checker.watched(world.statements))
    world.host.verdict = lambda commit: _verdict(world, checker, commit)
    world.remote.guarded = lambda commit: _quality(checker, commit) is Quality.GUARDED
    try:
        world.tree.up()
        Scenario(world, checker).plan()
        Faults(world, checker).plan()
        while kernel.now < SECONDS:
            kernel.run(kernel.now + H)
            checker.looked_at(calm=checker.calm_since is not None)
        checker.at_the_end()
    except Breach as breach:
        return str(breach)
    return ""


def _verdict(world: World, checker: Checker, commit: str) -> bool | None:
    quality = _quality(checker, commit)
    if quality is Quality.RED:
        checker.blamed.update(lease for lease in checker.agents if commit_of(lease) == commit)
    if world.kernel.lot("verifier", commit, world.kernel.now) < _SILENT:
        return None
    return quality is not Quality.RED


def _quality(checker: Checker, commit: str) -> Quality:
    return next((agent.script.quality for lease, agent in checker.agents.items() if commit_of(lease) == commit), Quality.GOOD)

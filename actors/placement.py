"""Which host each worker is made on: what the hosts said last, and where workers were placed. The rule is `domain.hosts.place`."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from factory.domain import hosts
from factory.domain.hosts import LOCAL, Host
from factory.protocol.host_mail import Hosts, HostSeen
from factory.protocol.mail import Work

_FULL = "the disk there is nearly full"
_UNFIT = "workers cannot be kept from the network there, as network asks for (its own log says why, or its version is older than this)"


@dataclass(frozen=True, slots=True)
class Nowhere:
    """No host takes the work now. `passing`: it was claimed for a place that is gone meanwhile, and waits for the next."""

    reason: str
    passing: bool


@dataclass(slots=True)
class Placement:
    """See above.

    Args:
        remote: whether there may be hosts beside this machine. Where not, every worker is made here and nobody is asked.
        labels: of this machine.
        grace: seconds in which hosts come back to a factory that has lost them.
        alone: workers have no network of their own, which not every host can make.

    Attributes:
        here: workers that may be at work on this machine.
        reconnecting: hosts may only be on their way back.
        barred: which hosts that are here take none, and why: a full disk, or a network that workers could not be kept from.
    """

    remote: bool = False
    here: int = 0
    labels: frozenset[str] = frozenset()
    grace: float = 0.0
    alone: bool = False
    reconnecting: bool = False
    barred: str = ""
    _unheard: float | None = None
    _remembered: tuple[Host, ...] | None = None
    _fleet: tuple[Host, ...] = ()
    _placed: dict[str, str] = field(default_factory=dict)

    def heard(self, answer: object, now: float = 0.0) -> None:
        """What the hosts are like now (`now` in monotonic seconds). While nobody says it, none of them takes a worker."""
        if isinstance(answer, Hosts):
            self._fleet = self._remembered = tuple(_host(one, alone=self.alone) for one in answer.hosts)
            self._unheard, self.reconnecting = None, answer.age < self.grace and not all(host.here for host in self._fleet)
        else:
            self._unheard = now if self._unheard is None else self._unheard
            self._fleet, self.reconnecting = (), now - self._unheard < self.grace
        seen = answer.hosts if isinstance(answer, Hosts) else ()
        there = [one for one in seen if one.here]
        unfit = [one.name for one in there if self.alone and not one.alone]
        full = [one.name for one in there if one.full]
        self.barred = "; ".join(f"{', '.join(names)}: {why}" for names, why in ((unfit, _UNFIT), (full, _FULL)) if names)

    def keep(self, active: Iterable[str], work: Iterable[Work] = ()) -> None:
        """These are all that is at work, with what is known of them."""
        still = frozenset(active)
        known = {one.lease.worker: one.host for one in work if one.host}
        self._placed = {worker: host for worker, host in (self._placed | known).items() if worker in still}

    @property
    def elsewhere(self) -> int:
        """Places on other machines."""
        return hosts.elsewhere(self._fleet, self._placed)

    @property
    def free_elsewhere(self) -> int:
        """Of these those that can be used now."""
        return sum(host.free for host in hosts.loaded(self._fleet, self._placed))

    def put(self, work: Work) -> Work | Nowhere:
        """The work with the host that it is for, or why there is none."""
        if not self.remote:
            return work
        host = work.host or hosts.place(self._loaded(), work.engine, work.needs)
        if host is None:
            return self._why_none(work.engine, work.needs)
        self._placed[work.lease.worker] = host
        return msgspec.structs.replace(work, host=host)

    def _loaded(self) -> list[Host]:
        return hosts.loaded([Host(LOCAL, self.here, labels=self.labels), *self._fleet], self._placed)

    @property
    def known_labels(self) -> tuple[tuple[str, ...], ...]:
        """Those of all hosts, wherever they are; none before anybody has said which hosts there are, and may still say it."""
        if self.reconnecting and self._remembered is None:
            return ()
        return hosts.kinds([*self._loaded(), *(self._remembered or () if self.reconnecting else ())])

    @property
    def offered_labels(self) -> tuple[tuple[str, ...], ...]:
        """Those of the hosts that have a place free, which of this machine alone the limits say."""
        return hosts.kinds(host for host in self._loaded() if host.free or not self.remote)

    def _why_none(self, engine: str, needs: tuple[str, ...]) -> Nowhere:
        able = [host.name for host in self._loaded() if host.capacity and host.is_able(engine, needs)]
        if able:
            return Nowhere(f"no place is free on {', '.join(able)}", passing=True)
        # With them gone the item is not claimed again, so that to give it back costs nothing.
        are_gone = not any(host.capacity and host.labels >= set(needs) for host in self._loaded())
        with_them = f" and has the labels {', '.join(needs)}" if needs else ""
        return Nowhere(
            f"no host that is here can run the engine {engine.partition(':')[0]}{with_them}", passing=not self._fleet or are_gone
        )


def _host(seen: HostSeen, *, alone: bool) -> Host:
    engines, capacity = (seen.alone, seen.capacity if seen.alone else 0) if alone else (seen.engines, seen.capacity)
    return Host(
        seen.name, capacity, engines=frozenset(engines), labels=frozenset(seen.labels),
        here=seen.here, draining=seen.draining, full=seen.full,
    )  # fmt: skip

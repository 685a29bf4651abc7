"""Hosts of workers: this machine and those that were enrolled; which of them a worker is made on. Pure.

A host takes what it is able to (engine, labels) as long as it is here, is not being drained and has a place free. What needs labels
that no such host has is not even claimed, so that it keeps nothing else waiting. Of several hosts the one with the
smallest share of its places taken is chosen, this machine before others, then by name: the same question has the same answer.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

LOCAL = "local"
"""The machine that the factory runs on."""

KEY_SECONDS = 86_400.0
"""How long a host's key is good for. It is renewed at half of that over the link itself; who was away longer is enrolled anew."""

TOKEN_BYTES = 32
TOKEN_SECONDS = 600.0
"""A join line is typed in within minutes, once."""

MOST_CAPACITY = 150
MOST_LABELS = 20
MOST = 200
"""Hosts of one factory."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,38}")
_LABEL = re.compile(r"[a-z0-9][a-z0-9._=-]{0,38}")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a host says of itself.

    Attributes:
        engines: names of engines that can work there.
        cores: of its processors.
        memory: MiB.
        capacity: workers at once.
        isolation: the grade that workers get there.
    """

    engines: tuple[str, ...] = ()
    cores: int = 0
    memory: int = 0
    capacity: int = 0
    isolation: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """A host as far as placing goes.

    Attributes:
        engines: names before the colon; None for all.
        load: workers that it has by now.
        here: whether it was heard lately.
        full: its disk is, nearly.
    """

    name: str
    capacity: int
    load: int = 0
    engines: frozenset[str] | None = None
    labels: frozenset[str] = frozenset()
    here: bool = True
    draining: bool = False
    full: bool = False

    @property
    def free(self) -> int:
        """Workers that may be made there now."""
        return max(self.capacity - self.load, 0) if self.here and not self.draining and not self.full else 0

    def is_able(self, engine: str, wanted: Iterable[str] = ()) -> bool:
        """Whether it could ever run this engine, and has all labels that are wanted."""
        return (self.engines is None or engine.partition(":")[0] in self.engines) and set(wanted) <= self.labels


def place(hosts: Sequence[Host], engine: str, wanted: Iterable[str] = ()) -> str | None:
    """The host that a worker is made on; None where none has a place for it now."""
    wanted = tuple(wanted)
    fit = [host for host in hosts if host.free and host.is_able(engine, wanted)]
    return min(fit, key=lambda host: (host.load / host.capacity, host.name != LOCAL, host.name)).name if fit else None


def loaded(hosts: Iterable[Host], placed: Mapping[str, str]) -> list[Host]:
    """The hosts with the load that follows from where workers were placed (worker → host)."""
    taken = list(placed.values())
    return [replace(host, load=taken.count(host.name)) for host in hosts]


def elsewhere(hosts: Iterable[Host], placed: Mapping[str, str]) -> int:
    """Places on other machines: those that can be used now, and those that are in use where no more may be taken."""
    taken = list(placed.values())
    return sum(host.load + host.free for host in loaded(hosts, placed) if host.name != LOCAL) + sum(
        name not in {LOCAL, *(host.name for host in hosts)} for name in taken
    )


def name_objection(name: str) -> str:
    """Why this is no name of a host, empty where it is one."""
    if name == LOCAL:
        return f"{LOCAL} is the name of the machine that the factory runs on"
    if _NAME.fullmatch(name):
        return ""
    return f"{name[:50]!r} is no name of a host: use lower-case letters, digits and -, at most 39, beginning with a letter or digit"


def kinds(hosts: Iterable[Host]) -> tuple[tuple[str, ...], ...]:
    """Which labels hosts have, once where several have the same; those that have none are left out."""
    return tuple(sorted({tuple(sorted(host.labels)) for host in hosts if host.labels}))


def is_met(needs: Iterable[str], known: Iterable[Iterable[str]]) -> bool:
    """Whether one of these has all labels that are needed, of `kinds`; who needs none needs nobody."""
    wanted = set(needs)
    return not wanted or any(wanted <= set(labels) for labels in known)


def listed(text: str) -> tuple[str, ...]:
    """Labels as people write them, between commas or blanks."""
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


def needs_objection(needs: Sequence[str]) -> str:
    """Why nothing can need these labels, empty where something can."""
    return label_objection(needs).replace("a host has", "an item needs")


def label_objection(labels: Sequence[str]) -> str:
    """Why these are no labels of a host, empty where they are."""
    bad = [label for label in labels if not _LABEL.fullmatch(label)]
    if bad:
        return f"{bad[0][:50]!r} is no label: use lower-case letters, digits and . _ = -, at most 39"
    return f"a host has {MOST_LABELS} labels at most" if len(labels) > MOST_LABELS else ""

"""Where the work happens: handed through all steps instead of being reached for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from worker_agent.contact import Contact
from worker_agent.folders import Folders
from worker_agent.git import Git, git_environment
from worker_agent.processes import Clock


@dataclass(frozen=True, slots=True)
class Site:
    """`worker` is the name that marks every process started here, `item` and `epoch` the lease that it works for.

    `secrets` are texts that nothing told of the work may hold: any program here can read what the engine logs in with.
    `way_out` are variables for engine and gates where the worker has no network of its own.
    """

    folders: Folders
    worker: str
    item: str
    epoch: int
    contact: Contact
    clock: Clock
    secrets: tuple[str, ...] = field(default=(), repr=False)
    way_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {**self.folders.environment(self.worker), **self.way_out}

    def git(self) -> Git:
        """Runs in the clone, which need not be there yet."""
        return Git(self.folders.repo, git_environment(self.folders, self.worker), self.contact, self.clock)

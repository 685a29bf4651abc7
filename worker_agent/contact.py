"""What the work tells and is told while it goes on; the conversation with the factory is one, verification has a silent one."""

from typing import Literal, Protocol

from factory.protocol.worker import Phase

EXIT_OK = 0
EXIT_BROKEN = 1
EXIT_STOPPED = 3
EXIT_REJECTED = 4
EXIT_ABANDONED = 5
EXIT_TERMINATED = 128 + 15

Stream = Literal["agent", "worker", "gate"]
Data = str | int | float | bool | None


class Ended(Exception):
    """The agent has to leave now, with `code`, after ending what runs. Raised by `tick` only, so that nothing is half-done."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Pulse(Protocol):
    """What whoever waits for something must do many times a second."""

    def tick(self, wait: float = 0.0) -> None:
        """Shows life and takes messages, for at most `wait` seconds. Raises `Ended`."""
        ...

    def must_hold(self) -> bool:
        """Whether work has to pause for now."""
        ...


class Contact(Pulse, Protocol):
    """Pulse, and a way to tell. Nothing here blocks longer than `agent_link.HANDOVER_SECONDS`."""

    def at(self, phase: Phase, iteration: int, tokens: int) -> None:
        """Where the work is; `tokens` is cumulative for the attempt."""
        ...

    def moved(self) -> None:
        """The work made a step. Callable from any thread."""
        ...

    def event(self, kind: str, data: dict[str, Data]) -> None:
        """Something that must be known. Kept until it is stored."""
        ...

    def notes(self) -> tuple[str, ...]:
        """What operators want the engine to read, oldest first."""
        ...

    def log(self, stream: Stream, data: bytes) -> None:
        """Output for people. Dropped where there is too much of it."""
        ...

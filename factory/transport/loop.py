"""Waiting for several sockets and file descriptors at once."""

import math
from typing import Any, Protocol

import zmq


class Source(Protocol):
    """Something that can have work: a link, or a pipe, sentinel or timer of the process itself."""

    def pollable(self) -> Any:  # noqa: ANN401 - a zmq socket or a descriptor, which have no type in common
        """The zmq socket or the file descriptor (int) that becomes readable. Always the same one."""
        ...


class Loop:
    """The sources that one thread waits for. Level-triggered: a source not emptied is reported again.

    A signal does not end a wait by itself: add the descriptor of `signal.set_wakeup_fd` as a source.
    """

    def __init__(self) -> None:
        self._poller = zmq.Poller()
        self._sources: dict[Any, Source] = {}

    def add(self, source: Source) -> None:
        pollable = source.pollable()
        self._poller.register(pollable, zmq.POLLIN)
        self._sources[pollable] = source

    def remove(self, source: Source) -> None:
        """Forgets a source. To be called before it is closed, since a closed one would make the wait fail."""
        pollable = source.pollable()
        if self._sources.pop(pollable, None) is not None:
            self._poller.unregister(pollable)

    def wait(self, timeout: float | None) -> list[Source]:
        """The sources with work, in the order they were added; none after `timeout` seconds. None waits for ever."""
        # Rounded up: a rest below a millisecond would be a wait of zero, again and again.
        milliseconds = None if timeout is None else math.ceil(max(timeout, 0) * 1000)
        return [self._sources[pollable] for pollable, _ in self._poller.poll(milliseconds)]

"""Claude Code as an engine: a run of its own for each iteration, read while it goes on, and ended where it hangs.

How it is called is in `claude_setup`, its output in `claude_stream`, what its end means in `claude_outcome`, and when it hangs
in `claude_watch`; here they meet the process.
"""

import sys
from dataclasses import dataclass
from typing import Self

from factory.protocol.worker import EngineOptions
from worker_agent.engines import claude_outcome, claude_words
from worker_agent.engines.base import EngineProblem, Heard, Order, Reading
from worker_agent.engines.claude_hook import hook_settings, is_proof
from worker_agent.engines.claude_outcome import Ending
from worker_agent.engines.claude_setup import Setup, set_up
from worker_agent.engines.claude_stream import Event, Lines, Story, parse
from worker_agent.engines.claude_watch import Overdue, Patience, overdue
from worker_agent.engines.transcript import Transcript
from worker_agent.lock_server import HOOK, socket_path
from worker_agent.processes import Clock, Finished

_SAID_CHARACTERS = 500
_RETRY_LINES = 100


@dataclass(frozen=True, slots=True)
class ClaudeEngine:
    """`binary` is a path, or empty for CLAUDE_BIN or the `claude` on PATH."""

    binary: str
    options: EngineOptions
    patience: Patience

    @classmethod
    def make(cls, binary: str, options: EngineOptions) -> Self:
        return cls(binary, options, Patience(options.silence))

    def begin(self, order: Order) -> "ClaudeRun":
        hooks = hook_settings(sys.executable, HOOK, socket_path(order.folders))
        try:
            setup = set_up(self.binary, self.options, order, hooks)
        except OSError as error:
            raise EngineProblem(f"Claude Code's files cannot be written: {error}") from error
        return ClaudeRun(setup, self.patience, Transcript(order.folders.out, order.iteration), order.clock)


class ClaudeRun:
    """One iteration. Owned by the thread that runs it."""

    def __init__(self, setup: Setup, patience: Patience, transcript: Transcript, clock: Clock) -> None:
        self.argv = setup.argv
        self.environment = setup.environment
        self.secrets = setup.secrets
        self._patience = patience
        self._transcript = transcript
        self._clock = clock
        self._lines = Lines()
        self._story = Story()
        self._retries: list[str] = []
        self._said = ""
        self._proven = False
        self._seen = 0
        self._signed_at = 0.0
        self._overdue: Overdue = ""

    @property
    def tokens(self) -> int:
        return self._story.tokens

    def hear(self, data: bytes) -> Heard:
        return self._take(list(self._lines.feed(data)))

    def enough(self, worked: float) -> bool:
        if self._story.signs != self._seen:
            self._seen, self._signed_at = self._story.signs, worked
        if self._story.retried == "authentication_failed":
            # It would try again and again with a login that does not work.
            return True
        if self._story.last and not self._proven:
            # It works without asking for locks; each further token would be for nothing.
            self._overdue = "no lock hook"
        else:
            self._overdue = overdue(self._story.last, worked - self._signed_at, self._patience)
        return self._overdue != ""

    def read(self, finished: Finished) -> Reading:
        self._take(list(self._lines.end()))
        ending = Ending(finished.code, finished.timed_out, self._overdue, finished.seconds, self._said, proven=self._proven)
        return claude_outcome.read(self._story, ending, self._clock.now())

    def _take(self, lines: list[bytes]) -> Heard:
        before = self._story.signs
        texts = [self._tell(line, parse(line)) for line in lines]
        moved = self._story.signs > before
        return Heard("".join(texts).encode(errors="replace"), moved)

    def _tell(self, line: bytes, event: Event | None) -> str:
        if event is None:
            words = claude_words.said(line)
            self._said = words.strip()[:_SAID_CHARACTERS]
            return words
        self._story.hear(event)
        self._proven = self._proven or is_proof(event.data)
        if event.type == "stream_event":
            return ""  # comes again as a whole
        self._transcript.add(line)
        if event.subtype == "api_retry":
            # Whatever is logged counts as progress, and a retry is none: it is told with what follows.
            self._retries = [*self._retries, claude_words.readable(event)][-_RETRY_LINES:]
            return ""
        told = "".join(self._retries) + claude_words.readable(event)
        self._retries.clear()
        return told

"""When a run of Claude Code is over though its process lives on (pure)."""

from dataclasses import dataclass
from typing import Literal, assert_never

from worker_agent.engines.claude_stream import LastEvent

Overdue = Literal["", "lived on", "no events", "hung after a tool", "no lock hook"]


USUAL_SILENCE_SECONDS = 900.0
"""A tool may run for ten minutes without a word; nothing runs for longer."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds of silence, at most `silent`; the shorter ones follow from it.

    Attributes:
        after_tool: 300 s usually. The model's answer begins to stream within seconds; a lost one has been seen to hang for ever.
        after_result: 30 s usually. All is said then; the program sometimes does not leave.
    """

    silent: float = USUAL_SILENCE_SECONDS

    @property
    def after_tool(self) -> float:
        return self.silent / 3

    @property
    def after_result(self) -> float:
        return self.silent / 30


def overdue(last: LastEvent, silence: float, patience: Patience) -> Overdue:
    """What is wrong after `silence` seconds without a sign of life."""
    match last:
        case "result" if silence >= patience.after_result:
            return "lived on"
        case "tool_result" if silence >= patience.after_tool:
            return "hung after a tool"
        case "" | "other" | "tool_result" | "result":
            return "no events" if silence >= patience.silent else ""
        case _:
            assert_never(last)

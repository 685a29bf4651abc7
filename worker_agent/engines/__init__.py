"""The coding agents that a worker can run, by the name before the colon."""

from factory.protocol.worker import EngineOptions
from worker_agent.engines.base import Engine, EngineProblem
from worker_agent.engines.claude import ClaudeEngine
from worker_agent.engines.command import CommandEngine
from worker_agent.engines.spoken import SpokenEngine
from worker_agent.engines.table import TABLE

__all__ = ["Engine", "EngineProblem", "make_engine"]


def make_engine(text: str, options: EngineOptions | None = None) -> Engine:
    """The engine of an assignment, `<name>:<argument>`. Raises `EngineProblem`."""
    name, colon, argument = text.partition(":")
    match name, colon:
        case "command", ":":
            return CommandEngine.parse(argument)
        case "claude", _:
            return ClaudeEngine.make(argument, options or EngineOptions())
        case _ if name in TABLE:
            return SpokenEngine.parse(TABLE[name], argument)
        case _:
            raise EngineProblem(f"There is no engine {text!r}; there are claude, {', '.join(TABLE)} and command:PROGRAM.")

"""The coding agents that a worker can run, by the name before the colon."""

from worker_agent.engines.base import Engine, EngineProblem
from worker_agent.engines.command import CommandEngine

__all__ = ["Engine", "EngineProblem", "make_engine"]


def make_engine(text: str) -> Engine:
    """The engine of an assignment, `<name>:<argument>`. Raises `EngineProblem`."""
    name, colon, argument = text.partition(":")
    match name, colon:
        case "command", ":":
            return CommandEngine.parse(argument)
        case _:
            raise EngineProblem(f"There is no engine {text!r}: write `command:PROGRAM ARGUMENTS`.")

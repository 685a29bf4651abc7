"""What an engine lacks on this machine, told before a worker is started with it. A look at environment and files, nothing more."""

from collections.abc import Mapping

from factory.domain import engine_keys
from factory.domain.engine_keys import KEYS, OWN_PROGRAM, More
from factory.integrations import claude_code


def lacking(engine: str, environ: Mapping[str, str], more: More, *, here: bool = True) -> str:
    """One sentence with what mends it; empty where nothing is known to be missing.

    Args:
        environ: with CLAUDE_BIN as the settings have it (`with_program`).
        here: False where workers have programs of their own, as in a container.
    """
    name, _, words = engine.partition(":")
    program = claude_code.missing_program(environ) if here and name == "claude" and not words else None
    return program or engine_keys.missing(engine, environ, more)


def all_lacking(environ: Mapping[str, str], more: More, *, here: bool = True) -> dict[str, str]:
    """Engine → its sentence, for those that lack something; as `engine_keys.lacking_in` reads it."""
    told = {name: lacking(name, environ, more, here=here) for name in (*KEYS, OWN_PROGRAM)}
    return {name: sentence for name, sentence in told.items() if sentence}


def with_program(environ: Mapping[str, str], claude_bin: str) -> dict[str, str]:
    """The environment as it looks to whoever obeys the setting `claude_bin`."""
    return {**environ, **({"CLAUDE_BIN": claude_bin} if claude_bin else {})}

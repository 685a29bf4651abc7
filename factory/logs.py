"""Log lines: JSON in one file for the whole factory, sentences on a terminal. For people; no program reads them.

All processes append to the same file, so that it tells what happened in the order in which it happened. The root alone
turns it over (`rotate`); the others notice by the file's inode. A handler that rotates by itself would do so in each
process at once, and a file per process would leave one behind for every worker there ever was.
"""

import logging
import logging.handlers
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog

from factory.log_console import console_handler

MAX_FILE_BYTES = 16 * 1024 * 1024
"""When `rotate` turns the file over: a busy day, and quick to search."""

KEPT_FILES = 3
"""Older files that stay beside it."""

# Their information is about themselves; pykka tells of each exception that the actor's host logs anyway.
_QUIETER = ("pykka", "urllib3", "docker", "asyncio")

Event = MutableMapping[str, Any]


def configure(name: str, *, file: Path | None = None, console: TextIO | None = None, level: str = "INFO") -> None:
    """Sets up `logging` and `structlog` for this process; calling it again replaces what it did before.

    Args:
        name: the process, in every line as `process`.
        file: appended to as JSON, one object a line. Its folder must be there.
        console: gets readable lines, coloured where it is a terminal. Those that it does not take at once are left out and counted.
        level: the least that is logged.
    """
    shared = [_named(name), *_SHARED]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    for handler in _handlers(file, console, shared):
        root.addHandler(handler)
    for logged, least in {"": logging.getLevelName(level), **dict.fromkeys(_QUIETER, logging.WARNING)}.items():
        logger = logging.getLogger(logged)
        # To set what is set makes logging forget what it has worked out for each logger there is.
        if logger.level != least:
            logger.setLevel(least)


def rotate(file: Path) -> bool:
    """Turns the file over once it is too large. For the root process, on its tick."""
    try:
        size = file.stat().st_size
    except FileNotFoundError:
        return False
    if size < MAX_FILE_BYTES:
        return False
    for number in range(KEPT_FILES, 0, -1):
        older = file.with_name(f"{file.name}.{number}")
        newer = file if number == 1 else file.with_name(f"{file.name}.{number - 1}")
        if newer.exists():
            newer.replace(older)
    return True


def _named(name: str) -> structlog.types.Processor:
    # Not a context variable: the actor's thread and those of its pool would not inherit it.
    def add(_logger: object, _method: str, event: Event) -> Event:
        event["process"] = name
        return event

    return add


_SHARED: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def _handlers(file: Path | None, console: TextIO | None, shared: list[structlog.types.Processor]) -> list[logging.Handler]:
    handlers: list[logging.Handler] = []
    if file is not None:
        handlers.append(logging.handlers.WatchedFileHandler(file, encoding="utf-8"))
        handlers[-1].setFormatter(_formatter(shared, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)))
    if console is not None:
        handlers.append(console_handler(console))
        # The plain traceback: the pretty one prints local variables, and a secret may be among them.
        pretty = structlog.dev.ConsoleRenderer(colors=console.isatty(), exception_formatter=structlog.dev.plain_traceback)
        handlers[-1].setFormatter(_formatter(shared, pretty))
    return handlers


def _formatter(shared: list[structlog.types.Processor], *last: structlog.types.Processor) -> structlog.stdlib.ProcessorFormatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )

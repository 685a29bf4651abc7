"""The script `factory`: what it answers, how it ends."""

import errno
import os
import sys

from factory.cli.exits import Exit, code_of
from factory.cli.output import CannotWrite, note, show_json, shut
from factory.errors import FactoryError


def main() -> None:
    """The script `factory`."""
    words = tuple(sys.argv[1:])
    try:
        _run(words)
        sys.stdout.flush()
    except FactoryError as error:
        _tell(error, words)
        sys.exit(code_of(error))
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except BrokenPipeError:
        shut(sys.stdout, sys.stderr)
        sys.exit(Exit.PIPE)
    except OSError as error:
        # What the parser prints itself, as with --help.
        if error.errno not in {errno.ENOSPC, errno.EIO} or error.filename:
            raise
        shut(sys.stdout)
        note(f"factory: {CannotWrite.of(error)}")
        sys.exit(Exit.FAILED)


def _tell(error: FactoryError, words: tuple[str, ...]) -> None:
    if "--json" in words and not isinstance(error, CannotWrite):
        show_json("error", {"error": str(error), "code": int(code_of(error))})
    note(f"factory: {error}")


def _run(words: tuple[str, ...]) -> None:
    # What prompts and scripts ask all the time must not wait for the parser, which loads pydantic for a single flag.
    from factory.cli.quick import answered

    if answered(words, os.environ):
        return
    from factory.cli.app import run

    run()

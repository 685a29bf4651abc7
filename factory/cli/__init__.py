"""The command line, one file per group of commands.

Results go to stdout, progress and errors to stderr. Exit codes: 0 ok, 1 failed, 2 wrong use or configuration, 3 not
found, 4 the factory cannot be reached, 5 refused, 6 timed out, 130 and 143 ended by a signal.
"""

import os
import sys

from factory.cli.exits import Exit, code_of
from factory.cli.output import note
from factory.errors import FactoryError

_QUICK = {("status",): False, ("status", "--json"): True}


def main() -> None:
    """The script `factory`."""
    try:
        _run(tuple(sys.argv[1:]))
    except FactoryError as error:
        note(f"factory: {error}")
        sys.exit(code_of(error))
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)


def _run(words: tuple[str, ...]) -> None:
    # What prompts and scripts ask all the time must not wait for the parser, which loads pydantic for a single flag.
    if words in _QUICK:
        from factory.cli.status import print_status
        from factory.paths import locate

        print_status(locate(os.environ), json=_QUICK[words])
        return
    from factory.cli.app import app

    # Also where it was called as `python -m factory.cli`: help and completion are about this name.
    app(prog_name="factory")

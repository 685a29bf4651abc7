"""The command line, one file per group of commands.

Results go to stdout, progress and errors to stderr; with --json an error is an object on stdout too. Exit codes: 0 ok, 1 failed, 2 wrong
use or configuration, 3 not found, 4 the factory cannot be reached, 5 refused, 6 timed out, 130, 141 and 143 ended by a signal.
"""


def main() -> None:
    """The script `factory`."""
    # Not above: `factory-tui` passes through this package too, and paints its first picture before anything else is imported.
    from factory.cli import script

    script.main()

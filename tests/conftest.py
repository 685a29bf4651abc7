"""What holds for every test, and what every test may ask for."""

import gc
import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.clusters import remove_template

# Here and nowhere else: a folder that imported them again would have a database server of its own.
from tests.databases import database, databases, dsn, embedded_server, empty_dsn, migrated_template

__all__ = ["database", "databases", "dsn", "embedded_server", "empty_dsn", "migrated_template"]

# A shell that starts a suite in the background lets it ignore Ctrl-C, and every program of every test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Where no bytecode is kept, each of thousands of short processes compiles all that it imports: a factory's start costs twice as much.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# No deadline: on a shared core an example may take long without anything being wrong.
settings.register_profile("factory", deadline=None, print_blob=True)
settings.load_profile("factory")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """Thousands of tests and all that they import stay alive to the end: no collection has to look at them, while they come or later.

    A sixth of the time of the dashboard's tests went there.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_unconfigure() -> None:
    remove_template()

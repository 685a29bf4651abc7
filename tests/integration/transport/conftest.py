"""Short folders for sockets, and ends that are closed whatever the test did."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest


@pytest.fixture
def run_dir():
    # pytest's own folders are named after the test and too long for a socket.
    with tempfile.TemporaryDirectory(prefix="run-") as folder:
        yield Path(folder)


@pytest.fixture
def closing():
    """Call it with anything that has a `close`; it is given back and closed after the test."""
    with ExitStack() as stack:

        def later(end):
            stack.callback(end.close)
            return end

        yield later

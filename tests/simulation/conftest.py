"""What actors log of faults that were meant would be half of the time."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _no_logs() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)

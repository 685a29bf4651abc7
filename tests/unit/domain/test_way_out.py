"""How a worker shows whose it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.domain.way_out import MAX_GREETING, greeted, greeting, secret_for

KEY = b"k" * 32
WORKER = "0123456789-2"


def test_the_line_of_a_worker_is_known_again_and_short() -> None:
    line = greeting(WORKER, secret_for(KEY, WORKER))

    assert greeted(line, KEY) == WORKER
    assert len(greeting("verify-99-0123456789-999999999", secret_for(KEY, WORKER))) <= MAX_GREETING


@pytest.mark.parametrize(
    "line",
    [
        greeting("0123456789-3", secret_for(KEY, WORKER)),
        greeting(WORKER, secret_for(b"l" * 32, WORKER)),
        greeting(WORKER, ""),
        greeting(WORKER, secret_for(KEY, WORKER).upper()),
        greeting(WORKER, secret_for(KEY, WORKER))[:-2],
        greeting(WORKER, secret_for(KEY, WORKER)) + b"GET / HTTP/1.1\r\n",
        greeting(f"../{WORKER}", secret_for(KEY, f"../{WORKER}")),
        b"GET http://x/ HTTP/1.1\r\n",
        b"",
    ],
)
def test_another_workers_another_factorys_and_no_secret_are_nobodys(line: bytes) -> None:
    assert greeted(line, KEY) is None


@given(st.binary(max_size=300))
def test_no_bytes_are_taken_for_a_worker(line: bytes) -> None:
    assert greeted(line, KEY) is None

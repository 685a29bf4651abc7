"""The numbers that a link gives to its connections."""

import subprocess
import sys

_FIRST = """
import zmq
from factory.transport import sockets

router, dealer = sockets.open_socket(zmq.ROUTER), sockets.open_socket(zmq.DEALER)
port = router.bind_to_random_port("tcp://127.0.0.1")
dealer.connect(f"tcp://127.0.0.1:{port}")
dealer.send(b"x")
print(router.recv_multipart()[0].hex())
"""


def first_number() -> str:
    done = subprocess.run([sys.executable, "-c", _FIRST], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


def test_nobody_can_foresee_under_which_number_a_connection_is_known() -> None:
    """Whoever can takes the place of a peer that has gone, or names the number of the next one, which makes zmq abort."""
    numbers = {first_number() for _ in range(3)}

    assert len(numbers) == 3
    assert {len(number) for number in numbers} == {10}

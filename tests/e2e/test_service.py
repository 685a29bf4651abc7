"""A real factory as systemd would see it. It takes ten seconds: a sign of life sent any sooner would not come from the root's own tick."""

import socket

from tests.real_factory import real_factory


def test_it_says_that_it_is_ready_that_it_lives_and_that_it_stops() -> None:
    with real_factory() as factory, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.settimeout(60)
        line.bind(str(factory.folder / "notify"))
        factory.environment["NOTIFY_SOCKET"] = str(factory.folder / "notify")
        factory.start()
        said = {line.recv(100)}
        while said != {b"READY=1", b"WATCHDOG=1"}:
            said.add(line.recv(100))

        factory.down()

        while (last := line.recv(100)) == b"WATCHDOG=1":
            pass
        assert last == b"STOPPING=1"

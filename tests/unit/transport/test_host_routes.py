"""How many connections a host is spoken to on."""

from factory.transport.host_routes import MOST_ROUTES, HostRoutes


def routes(number: int) -> list[bytes]:
    return [b"%d" % one for one in range(number)]


def test_a_host_with_many_connections_is_spoken_to_on_a_few():
    known = HostRoutes(lambda _: True)

    assert [known.admits("anvil", route) for route in routes(MOST_ROUTES + 3)] == [True] * MOST_ROUTES + [False] * 3
    assert known.admits("anvil", b"0")
    assert known.admits("hammer", b"9"), "others have their own"


def test_one_that_has_gone_makes_room_for_the_next():
    there = set(routes(MOST_ROUTES))
    known = HostRoutes(there.__contains__)
    for route in routes(MOST_ROUTES):
        assert known.admits("anvil", route)

    there.discard(b"1")
    assert known.admits("anvil", b"new")
    there.add(b"new")
    assert not known.admits("anvil", b"newer")
    known.gone("anvil", b"2")
    assert known.admits("anvil", b"newer")

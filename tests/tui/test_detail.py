"""What one item is doing, on its tabs: over a real socket, from a log that grows."""

import pytest

from factory.protocol.commands import Query, Reply

LOG = """claude 2.1, model opus
I begin with the tests.
> Read src/users.py
  def users(): (+41 lines)
> Edit src/users.py
  ok
> Bash pytest -q
  failed: one
  two
  three
  four
  five
[factory] the agent gave up (agent): no way
"""
HOSTILE = "\x1b]2;owned\x07\x1b]52;c;b3duZWQ=\x07[@click=app.boom]x[/] [/path] \x9b31m\u202egnp.exe"


class Log:
    """The log of an attempt, as the factory answers for it."""

    def __init__(self, data: str, *, epoch: int = 2, ended: bool = False) -> None:
        self.data, self.epoch, self.ended, self.asked = data, epoch, ended, 0

    def __call__(self, query: Query) -> Reply:
        self.asked += 1
        whole = self.data.encode()
        data = whole[query.offset : query.offset + 262_144]
        return Reply("ok", data={"epoch": self.epoch, "offset": query.offset, "next": query.offset + len(data), "size": len(whole),
                                 "data": data.decode(), "ended": self.ended})  # fmt: skip


@pytest.fixture
def log(factory_feed) -> Log:
    factory_feed.item("aaa", holder="aaa-2", title="Pagination bug")
    factory_feed.worker("aaa-2")
    log = Log(LOG)
    factory_feed.answers["log"] = log
    return log


async def opened(person, tab: str = "", kind: str = "item", name: str = "aaa") -> None:
    await person.sees("aaa")
    person.app.look(kind, name, tab)
    await person.pilot.pause()


def test_a_transcript_is_followed_as_it_grows_until_somebody_scrolls_up(factory_feed, dashboard, clock, log) -> None:
    async def steps(person) -> None:
        await opened(person)
        await person.sees("FOLLOW on")
        await person.sees("the agent gave up")
        log.data += "".join(f"line {n}\n" for n in range(100))
        clock.advance(1.0)
        await person.sees("line 99")

        await person.press("k")
        log.data += "".join(f"more {n}\n" for n in range(42))
        clock.advance(1.0)
        await person.sees("42 new below")
        assert "more 41" not in person.screen()
        assert "line 99" in person.screen()

        await person.press("G")
        await person.sees("more 41")
        assert "FOLLOW on" in person.screen()

    dashboard(steps)


def test_what_a_tool_printed_is_folded_and_enter_unfolds_it(factory_feed, dashboard, log) -> None:
    async def steps(person) -> None:
        await opened(person)
        await person.sees("2 lines more")
        assert "four" not in person.screen()
        await person.press("slash", *"more", "enter", "enter")
        await person.sees("five")

    dashboard(steps)


def test_a_search_goes_from_match_to_match_and_escape_ends_it(factory_feed, dashboard, log) -> None:
    log.data = "".join(f"{'needle' if n % 50 == 7 else 'straw'} {n}\n" for n in range(200))

    async def steps(person) -> None:
        await opened(person)
        await person.sees("straw 199")
        await person.press("g", "slash", *"needle", "enter")
        await person.sees("1 of 4")
        await person.press("n")
        await person.sees("2 of 4")
        assert "needle 57" in person.screen()
        await person.press("N", "N")
        await person.sees("4 of 4")
        await person.press("escape")
        assert "of 4" not in person.screen()
        assert person.app.seen.what == "item"
        await person.press("escape")
        await person.until(lambda: person.app.seen.what == "queue")

    dashboard(steps)

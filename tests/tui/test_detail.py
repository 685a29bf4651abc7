"""What one item is doing, on its tabs: over a real socket, from a log that grows."""

from collections.abc import Callable
from typing import Any

import pytest

from factory.protocol.commands import Query, Reply
from tests.tui.pictures import steady

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


def test_bytes_that_were_not_kept_are_counted(factory_feed, dashboard, log) -> None:
    log.data = "a\n[1234 bytes not kept]\nb\n"

    async def steps(person) -> None:
        await opened(person)
        await person.sees("1,234 bytes dropped")

    dashboard(steps, size=(100, 24))


def test_of_a_long_log_the_end_is_read_and_the_rest_is_said_to_be_missing(factory_feed, dashboard, clock, log) -> None:
    log.data = "".join(f"line {n:07d} of a long log that goes on\n" for n in range(80_000))
    log.ended = True

    async def steps(person) -> None:
        await opened(person)
        await person.sees("line 0079999")
        await person.sees("bytes not read")
        reader = person.app.seen._readers["transcript"]
        assert reader.skipped == len(log.data) - 1_048_576
        assert len(reader.folding.lines) <= 30_000

    dashboard(steps, size=(130, 24))


def test_a_new_attempt_is_followed_where_the_latest_is_wanted(factory_feed, dashboard, clock, log) -> None:
    log.ended = True

    async def steps(person) -> None:
        await opened(person)
        await person.sees("attempt 2 ended")
        log.data, log.epoch, log.ended = "begin again\n", 3, False
        factory_feed.item("aaa", holder="aaa-3", epoch=3)
        await person.sees("begin again")
        assert "gave up" not in person.screen()

    dashboard(steps)


def test_only_what_is_on_the_screen_is_asked_for(factory_feed, dashboard, clock, log) -> None:
    async def steps(person) -> None:
        await opened(person, "describe")
        await person.until(lambda: any(query.what == "item" for query in factory_feed.queries))
        assert not log.asked
        await person.press("tab")
        await person.sees("FOLLOW on")
        person.app.go("queue")
        await person.pilot.pause()
        before = log.asked
        for _ in range(10):
            clock.advance(1.0)
            await person.pilot.pause(0.1)
            person.app.pump()
        assert log.asked <= before + 1

    dashboard(steps)


DIFF = {
    "item": "aaa", "epoch": 2, "base": "b" * 40, "commit": "c" * 40, "digest": "d" * 64, "approvable": True,
    "commits": [{"commit": "c" * 40, "subject": "Count to the end"}], "files": [{"path": "src/users.py", "added": 2, "deleted": 1}],
    "file_count": 1, "too_large": "",
}  # fmt: skip
PATCH = "diff --git a/src/users.py b/src/users.py\n@@ -1 +1,2 @@\n-old\u200b\n+new\n+\x1b[2Jmore\n"


def diff_of(patch: str, page: int = 60) -> Callable[[Query], Reply]:
    def answer(query: Query) -> Reply:
        part = patch[query.offset : query.offset + page]
        told = {**DIFF, "patch": part, "size": len(patch), "offset": query.offset, "next": query.offset + len(part)}
        return Reply("ok", data=told)

    return answer


def test_a_result_is_approved_where_all_of_its_diff_is_on_the_screen(factory_feed, dashboard, clock, log) -> None:
    factory_feed.item("aaa", status="needs_approval")
    factory_feed.answers["diff"] = diff_of(PATCH)

    async def steps(person) -> None:
        await opened(person)
        await person.press("a")
        await person.sees("+new")
        # What a terminal would obey, and what nobody could see, is seen.
        assert "-old\\u200b" in person.screen()
        assert "+\\x1b[2Jmore" in person.screen()
        assert not factory_feed.commands
        await person.press("a")
        await person.until(lambda: factory_feed.commands or "y yes" in person.screen())
        if not factory_feed.commands:
            await person.press("y")
        await person.until(lambda: factory_feed.commands)

    dashboard(steps)
    assert (factory_feed.commands[0].verb, factory_feed.commands[0].item, factory_feed.commands[0].expected_epoch) == ("approve", "aaa", 2)


ITEM: dict[str, Any] = {
    "item": {"id": "aaa", "title": "Pagination bug", "status": "running", "spec": "- [ ] count", "epoch": 2, "created_at": 1_699_999_000.0,
             "attempts": 1},
    "max_attempts": 3, "pull_request": None,
    "attempts": [{"epoch": 1, "outcome": "agent", "burnt": True, "reason": "no commit", "started_at": 1_699_999_100.0,
                  "ended_at": 1_699_999_400.0}],
    "gates": [{"epoch": 1, "name": "tests", "passed": False, "required": True, "seconds": 3.0, "code": 1, "at": 1_699_999_400.0,
               "output": "FAILED test_last_page\n  assert 9 == 10"}],
}  # fmt: skip
TIMELINE: dict[str, Any] = {"timeline": [
    {"at": 1_699_999_100.0, "kind": "attempt", "epoch": 1, "type": "WORK_ITEM.CLAIMED.SUCCESS", "text": "attempt 1 begins", "data": {}},
    {"at": 1_699_999_400.0, "kind": "attempt", "epoch": 1, "type": "WORK_ITEM.ATTEMPT_ENDED.FAILED", "text": "the attempt ended (agent)",
     "data": {}},
]}  # fmt: skip


@pytest.mark.parametrize("tab", ["transcript", "raw", "diff", "gates", "timeline", "fields"])
@pytest.mark.usefixtures("log")
def test_a_tab_looks_so_at_each_width(factory_feed, dashboard, snapshot, tab) -> None:
    factory_feed.answers.update(diff=diff_of(PATCH, 1_000), item=Reply("ok", data=ITEM), timeline=Reply("ok", data=TIMELINE))
    seen = {"transcript": "gave up", "raw": "gave up", "diff": "+new", "gates": "9 == 10", "timeline": "ended", "fields": "Pagination"}

    async def steps(person) -> None:
        await opened(person, tab)
        for width, height in ((44, 16), (130, 24), (80, 24)):
            await person.pilot.resize_terminal(width, height)
            await person.sees(seen[tab])
            await person.until(lambda: "lines" in person.screen())
            await steady(person)
            snapshot(person, f"item-{tab}-{width}")

    dashboard(steps)


@pytest.mark.parametrize("tab", ["transcript", "raw", "diff", "gates", "timeline", "fields"])
def test_a_tab_without_anything_says_what_will_fill_it(factory_feed, dashboard, tab) -> None:
    factory_feed.item("aaa", status="queued", epoch=0)
    factory_feed.answers.update(log=Log("", epoch=0), diff=Reply("not_found", "aaa has no result yet"))
    factory_feed.answers["item"] = Reply("ok", data={"gates": []})
    factory_feed.answers["timeline"] = Reply("ok", data={"timeline": []})
    said = {"transcript": "No attempt has begun yet", "raw": "No attempt", "diff": "no result yet", "gates": "No gate was run",
            "timeline": "What happens to it", "fields": "Item"}  # fmt: skip

    async def steps(person) -> None:
        await opened(person, tab)
        await person.sees(said[tab])

    dashboard(steps)


@pytest.mark.parametrize("tab", ["transcript", "raw", "diff", "gates", "timeline", "fields"])
def test_nothing_of_what_agents_write_reaches_the_terminal(factory_feed, dashboard, log, tab) -> None:
    factory_feed.item("aaa", title=HOSTILE, reason=HOSTILE)
    log.data = f"{HOSTILE}\n> Bash {HOSTILE}\n  {HOSTILE}\n[factory] {HOSTILE}\nseen\n"
    item = {**ITEM["item"], "title": HOSTILE, "spec": HOSTILE, "reason": HOSTILE}
    gates = [{**ITEM["gates"][0], "name": HOSTILE, "output": f"{HOSTILE}\nseen"}]
    rows = [{**row, "text": f"seen {HOSTILE}"} for row in TIMELINE["timeline"]]
    factory_feed.answers.update(
        diff=diff_of(f"+{HOSTILE}\n+seen\n", 10_000),
        item=Reply("ok", data={**ITEM, "item": {**item, "branch": "seen"}, "gates": gates}),
        timeline=Reply("ok", data={"timeline": rows}),
    )

    async def steps(person) -> None:
        await opened(person, tab)
        await person.sees("seen")
        strips = [person.app.seen.view.render_line(y).text for y in range(24)]
        shown = "".join(strips) + person.screen()
        assert not [letter for letter in shown if (ord(letter) < 32 and letter != "\n") or 0x7F <= ord(letter) < 0xA0 or letter == "\u202e"]

    dashboard(steps)


def test_a_worker_that_is_gone_keeps_its_transcript(factory_feed, dashboard, log) -> None:
    async def steps(person) -> None:
        await opened(person, "", "worker", "aaa-2")
        await person.sees("gave up")
        await person.sees("beat")
        factory_feed.put("worker", "aaa-2", None)
        await person.sees("gone")
        assert "gave up" in person.screen()

    dashboard(steps, size=(130, 24))


def test_all_that_is_held_of_a_log_is_saved_unfolded(factory_feed, dashboard, log, tmp_path) -> None:
    async def steps(person) -> None:
        await opened(person)
        await person.sees("2 lines more")
        await person.press("ctrl+s")
        await person.until(lambda: list(tmp_path.glob("factory-item-*")))
        await person.until(lambda: "five" in next(iter(tmp_path.glob("factory-item-*"))).read_text())

    dashboard(steps)

"""What README.md shows of the dashboard: a table of its keys, from the bindings themselves, and a factory to take a picture of."""

import re

from factory.protocol.commands import Reply
from tests.tui.conftest import FakeFactory
from tests.tui.scenes import LEVELS, SERIES, lock, node
from tui import words
from tui.app import FactoryTui
from tui.keys import by_id, named
from tui.widgets.frame_table import FrameTable

BEGIN, END = "<!-- keys: written by UPDATE_SNAPSHOTS=1 pytest tests/tui/test_readme.py -->", "<!-- end of keys -->"

_FONT = re.compile(r"@font-face \{[^}]*\}\s*")
_SECOND_NAMES = frozenset({"ctrl+@"})
"""Of a key that has one already: terminals differ in what they send."""


def key_table() -> str:
    """Key, what it does, and the id by which `[keys]` gives it another one."""
    bindings = {**by_id(FactoryTui.BINDINGS), **by_id(FrameTable.BINDINGS)}
    screens = [f"app.{name}" for name in words.SCREENS]
    keys = {name: " ".join(f"`{named(key)}`" for key in one.key.split(",") if key not in _SECOND_NAMES) for name, one in bindings.items()}
    rows = [f"| {keys[screens[0]]} to {keys[screens[-1]]} | {', '.join(words.SCREENS)} | `{screens[0]}` to `{screens[-1]}` |"]
    rows += [f"| {keys[name]} | {one.description} | `{name}` |" for name, one in bindings.items() if name not in screens]
    return "\n".join(["| key | what it does | id |", "|---|---|---|", *rows])


def with_keys(readme: str) -> str:
    """The README with the table between its two markers."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, f"README.md has no line {BEGIN}"
    assert end, f"README.md has no line {END}"
    return f"{before}{BEGIN}\n{key_table()}\n{END}{after}"


def drawn(svg: str) -> str:
    """The picture with the reader's own font: one that is fetched from elsewhere is shown by no page, and tells who looked."""
    return "\n".join(line.rstrip() for line in _FONT.sub("", svg).splitlines()) + "\n"


def scene(factory: FakeFactory) -> None:
    """An afternoon: three at work, one result to look at, one agent that is stuck."""
    factory.rows["limit"] = {"dispatch": {"open": 0, "reason": "all 3 workers are busy", "active": 3, "max_workers": 3}}
    factory.more = {"nodes": [node(name) for name in LEVELS], "locks": [lock("src/users.py", "q8z2m4k1x0-2")]}
    at_work = (
        ("q8z2m4k1x0", "Fix the pagination of /users", "running", 740.0, 265_000),
        ("b3v7c1n9d5", "Rate limits for the public API", "gates", 260.0, 98_000),
        ("t5r0w6p2h8", "Dark mode in the settings", "running", 75.0, 27_300),
    )
    for id_, title, phase, age, tokens in at_work:
        factory.item(id_, title=title, holder=f"{id_}-1", epoch=1, age=age, tokens=tokens)
        factory.worker(f"{id_}-1", phase=phase, age=age, tokens=tokens, epoch=1)
    factory.item("m1x4y7s3f6", status="queued", created_at=1.0, priority=1, title="Rename the billing tables", due_in=-1.0)
    factory.item("k9d2g5j8l1", status="queued", created_at=2.0, title="Tests for the importer", due_in=-1.0)
    reason = "A person has to look at it: .github/workflows/ci.yml is guarded."
    factory.item("h6f3s0a7z4", status="needs_approval", since_age=240.0, title="Run the tests on each push", reason=reason)
    factory.item("c2b5n8m1v4", status="stuck", since_age=600.0, title="Archive old orders", reason="The table of old orders is not there.")
    factory.item("w7e1r4t9y2", status="in_review", created_at=0.5, title="Typo in the footer", pr_url="https://example.org/pulls/7")
    factory.answers["series"] = Reply("ok", data=SERIES)


_EVENTS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("w7e1r4t9y2", "WORK_ITEM.RESULT.ACCEPTED", {}),
    ("w7e1r4t9y2", "WORK_ITEM.PUBLISHED.SUCCESS", {"status": "in_review"}),
    ("t5r0w6p2h8", "WORK_ITEM.STARTED.SUCCESS", {"status": "running"}),
    (
        "c2b5n8m1v4",
        "WORK_ITEM.ATTEMPT_ENDED.FAILED",
        {"outcome": "stuck", "status": "stuck", "reason": "The table of old orders is not there."},
    ),
)
HAPPENED = len(_EVENTS)


def happens(factory: FakeFactory) -> None:
    """Events come only to those who listen already."""
    for number, (item, type_, data) in enumerate(_EVENTS, 1):
        factory.event(stream=f"item:{item}", seq=number, at=43_200.0 + 31 * number, type=type_, epoch=1, data=data)

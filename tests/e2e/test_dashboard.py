"""The dashboard in a real terminal, on a real factory: what a key does is seen in the database and in the operating system."""

import os
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from factory.domain.ids import ItemId, branch_of
from factory.paths import fresh_folder
from factory.protocol.commands import Reply, Steer, SteerVerb
from tests.e2e.terminal import Terminal, dashboard_command, ended, needs_tmux, terminal
from tests.real_factory import AGENT, RealFactory, git, real_factory
from tests.waiting import eventually

pytestmark = needs_tmux

_SECONDS = 60.0
_HOLDS = "touch at-work\nwhile :; do sleep 0.1; done\n"
_GUARDED = "echo '# mine' >> .factory.toml\ngit add .factory.toml\n"
_HOSTILE = (
    "\x1b]0;owned-by-title\x07",
    "\x1b]2;owned-by-title\x1b\\",
    "\x1bkowned-by-name\x1b\\",
    "\x1b]52;c;b3duZWQ=\x07",
    "\x9d52;c;b3duZWQ=\x9c",
    "\x1b[2J\x1b[3;3Howned-by-cursor",
    "\x9b31mowned-by-c1\x9b0m",
    "\u202eowned-by-bidi\u202c\u2066\u200f",
    "\x1b]8;;http://owned.example\x1b\\link\x1b]8;;\x1b\\",
    "\x1bP$q q\x1b\\\x1b[6n\x1b[?1049l\x1bc",
)
_COLOURS = re.compile(r"\x1b\[(?:\d+;)*?([34]8;5;\d+|[34]8;2;\d+;\d+;\d+|[349][1-6]|10[1-6])(?=[;m])")
_GREYS = re.compile(r"[34]8;5;(?:0|7|8|15|16|59|102|145|188|231|23[2-9]|24\d|25[0-5])|[34]8;2;(\d+);\1;\1")
"""What Textual keeps of colours where none are wanted: letters stay dark on light or light on dark."""
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_HARMLESS = "the last line is harmless"


@pytest.fixture(scope="module")
def site() -> Iterator[RealFactory]:
    """One factory for all: what differs is the item. A killed attempt is the last one, so that the row ends where one can look at it."""
    with real_factory({"FACTORY_MAX_ATTEMPTS": "1", "FACTORY_RETRY_STUCK": "false"}) as factory:
        factory.up()
        yield factory
        factory.down()


@pytest.fixture
def folder() -> Iterator[Path]:
    made = fresh_folder("ft-")
    yield made
    shutil.rmtree(made)


@pytest.fixture
def shown(site: RealFactory, folder: Path) -> Iterator[Terminal]:
    """The dashboard on its queue."""
    with terminal(folder, dashboard_command(), site.environment, (130, 30)) as opened:
        opened.sees("live")
        opened.press("2")
        opened.sees("TASK")
        yield opened


def work(site: RealFactory, before: str, **changes: object) -> tuple[str, Path]:
    """An item whose agent first does something of its own, and its remote."""
    name = uuid4().hex[:8]
    agent = site.folder / f"{name}.sh"
    agent.write_text(AGENT.replace("set -e\n", f"set -e\n{before}"))
    agent.chmod(0o755)
    remote = site.remote(name)
    return site.submit(remote, engine=f"command:{agent}", **changes), remote


@contextmanager
def at_work(site: RealFactory, *titles: str) -> Iterator[dict[str, int]]:
    """Items whose agents work on and on: id → pid of the agent."""
    items = [work(site, _HOLDS, title=title)[0] for title in titles]
    try:
        yield {item: eventually(lambda item=item: agent_of(site, item), _SECONDS, site.log) for item in items}  # type: ignore[misc]
    finally:
        for item in items:
            steer(site, "cancel", item)


def agent_of(site: RealFactory, item: str) -> int:
    """The pid of the program at work, 0 where none is."""
    row = site.item(item)
    pid = site.agents().get(f"{item}-{row['epoch']}", 0)
    return pid if row["status"] == "running" and pid and psutil.pid_exists(pid) else 0


def steer(site: RealFactory, verb: SteerVerb, item: str, argument: str = "") -> Reply:
    return site.ask(Steer(uuid4().hex, verb, item, "test", argument=argument), _SECONDS)


def only(shown: Terminal, *items: str) -> None:
    """Nothing but these in the table, the cursor on the first."""
    shown.types("/")
    shown.sees("filter:")
    shown.types(items[0] if len(items) == 1 else "Both")
    shown.press("Enter")
    shown.sees(*items)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or ended(psutil.Process(pid))


def test_a_worker_is_killed_by_keyboard_and_its_item_is_retried(site: RealFactory, shown: Terminal) -> None:
    with at_work(site, "Say hello") as working:
        ((item, pid),) = working.items()
        only(shown, item)

        shown.press("C-k")
        shown.sees(f"Kill {item}?")
        shown.press("Enter")
        shown.misses(f"Kill {item}?")
        assert (site.item(item)["status"], gone(pid)) == ("running", False)

        shown.press("C-k")
        shown.sees(f"Kill {item}?")
        shown.press("y")
        eventually(lambda: gone(pid), _SECONDS, "the agent is gone")
        killed = eventually(lambda: next((row for row in [site.item(item)] if row["status"] == "failed"), None), _SECONDS)
        shown.sees("failed", f"kill {item}: done")

        shown.press("r")
        again = eventually(lambda: agent_of(site, item), _SECONDS, site.log)
        assert (again != pid, site.item(item)["epoch"]) == (True, killed["epoch"] + 1)
        shown.sees("running")


def test_the_item_that_the_question_is_about_dies_when_its_row_moves_meanwhile(site: RealFactory, shown: Terminal) -> None:
    with at_work(site, "Both one", "Both two") as working:
        (first, pid), (second, other) = working.items()
        only(shown, first, second)
        shown.types("s")
        shown.sees("sort by")
        shown.types("p")
        shown.misses("sort by")
        assert rows_on(shown, first, second) == [first, second]
        shown.press("g", "C-k")
        shown.sees(f"Kill {first}?")

        assert steer(site, "prioritise", second, "0").code == "ok"
        # Shown beside the question, in the order in which the rows stood when it was asked.
        shown.until(lambda: re.search(rf"P0 +{second}", shown.screen()), "the row has changed")
        assert rows_on(shown, first, second) == [first, second]
        shown.press("y")

        eventually(lambda: gone(pid), _SECONDS, "the agent is gone")
        eventually(lambda: site.item(first)["status"] == "failed", _SECONDS)
        assert (agent_of(site, second), site.item(second)["status"]) == (other, "running")
        shown.until(lambda: rows_on(shown, first, second) == [second, first], "rows stand in their order again")


def rows_on(shown: Terminal, *items: str) -> list[str]:
    """The items in the order of their rows."""
    lines = shown.screen().splitlines()
    return [item for line in lines for item in items if re.search(rf"P\d +{item}", line)]


def test_a_priority_is_raised_and_put_back_by_keyboard(site: RealFactory, shown: Terminal) -> None:
    with at_work(site, "Say hello") as working:
        (item,) = working
        only(shown, item)

        shown.press("+")
        eventually(lambda: site.item(item)["priority"] == 1, _SECONDS)
        shown.until(lambda: re.search(rf"P1 +{item}", shown.screen()), "the row has changed")
        shown.press("u")
        eventually(lambda: site.item(item)["priority"] == 2, _SECONDS)


def test_a_result_that_waits_for_a_yes_is_looked_at_and_approved_by_keyboard(site: RealFactory, shown: Terminal) -> None:
    item, remote = work(site, _GUARDED)
    eventually(lambda: site.item(item)["status"] == "needs_approval", _SECONDS, site.log)
    branch = f"refs/heads/{branch_of(ItemId(item))}"
    assert branch not in git(remote, "for-each-ref")
    only(shown, item)

    # A yes acts only where the result is seen: elsewhere the key opens it.
    shown.press("a")
    shown.sees("[Diff]", "+# mine")
    assert site.item(item)["status"] == "needs_approval"
    shown.press("a")

    eventually(lambda: site.item(item)["status"] == "completed", _SECONDS, site.log)
    (accepted,) = site.rows("SELECT head_commit FROM attempts WHERE item = %s", item)
    assert git(remote, "rev-parse", branch).strip() == accepted["head_commit"]
    shown.sees("completed")


def test_leaving_gives_the_terminal_back_as_it_was_and_the_factory_goes_on(site: RealFactory, shown: Terminal) -> None:
    assert shown.modes.alternate

    shown.press("q")

    assert shown.ends() == 0
    shown.sees("The factory goes on")
    assert shown.modes == shown.modes_before
    assert "TASK" not in shown.screen()
    assert site.answers()


def test_a_signal_that_asks_to_stop_gives_the_terminal_back_and_the_factory_goes_on(site: RealFactory, shown: Terminal) -> None:
    os.kill(shown.pid, signal.SIGTERM)

    assert shown.ends() == 128 + signal.SIGTERM
    assert shown.modes == shown.modes_before
    assert "TASK" not in shown.screen()
    assert site.answers()


def test_one_that_was_stopped_and_goes_on_hears_its_keys_once_and_gives_the_terminal_back(shown: Terminal) -> None:
    program = psutil.Process(shown.pid)
    threads = program.num_threads()

    for key, seen in (("3", "WORKER"), ("2", "TASK"), ("1", "LAST HOUR")):
        program.send_signal(signal.SIGSTOP)
        eventually(lambda: program.status() == psutil.STATUS_STOPPED, _SECONDS, "it stands still")
        program.send_signal(signal.SIGCONT)
        # Also one that comes while nothing stands still.
        program.send_signal(signal.SIGCONT)
        # What is pressed before it goes on is not heard.
        shown.until(partial(_is_opened, shown, key, seen), f"{key} opens its screen")
        assert program.num_threads() <= threads
    shown.press("q")

    assert shown.ends() == 0
    assert shown.modes == shown.modes_before


def _is_opened(shown: Terminal, key: str, seen: str) -> bool:
    shown.press(key)
    return all(text in shown.screen() for text in ("live", seen))


def test_a_browser_and_a_shell_are_opened_beside_the_worker_and_the_dashboard_is_there_again_afterwards(
    site: RealFactory, folder: Path
) -> None:
    opened, address = folder / "opened", "https://example.org/issues/7"
    browser = _program(folder / "browser", f'echo "$1" > {opened}.new\nmv {opened}.new {opened}')
    shell = _program(folder / "shell", "echo a shell in $(pwd -P)\nread -r line")
    held, _ = work(site, _HOLDS, title="Say hello", source_url=address)
    pid = eventually(lambda: agent_of(site, held), _SECONDS, site.log)
    environment = {**site.environment, "BROWSER": str(browser), "SHELL": str(shell)}

    with terminal(folder, dashboard_command(), environment, (130, 30)) as shown:
        shown.sees("live")
        shown.press("2")
        shown.sees("TASK")
        only(shown, held)
        shown.press("o")
        shown.sees(f"Opening {address}")
        eventually(opened.exists, _SECONDS, "the browser is called")
        assert opened.read_text() == f"{address}\n"

        shown.press("S")
        shown.sees(f"a shell in {site.paths.workers.resolve() / f'{held}-1' / 'work'}")
        assert shown.modes == shown.modes_before
        shown.press("Enter")
        shown.sees("live", held)
        assert psutil.pid_exists(pid)
        shown.press("q")
        assert shown.ends() == 0
    steer(site, "cancel", held)


def _program(file: Path, text: str) -> Path:
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def test_without_colours_glyphs_and_mouse_a_terminal_is_sent_none(site: RealFactory, folder: Path) -> None:
    environment = {**site.environment, "NO_COLOR": "1"}

    with terminal(folder, dashboard_command("--ascii", "--no-mouse"), environment, (100, 24)) as shown:
        drawn = shown.keeps_what_is_drawn()
        shown.sees("live")
        assert not shown.modes.mouse
        for key, seen in (("2", "TASK"), ("9", "journal"), ("1", "LAST HOUR"), ("?", "Keys on overview")):
            shown.press(key)
            shown.sees(seen)
        shown.escape()
        shown.misses("Keys on overview")
        shown.press("q")
        assert shown.ends() == 0
        text = drawn.read_text("utf-8")

    assert _COLOURS.search(text)
    assert [colour for colour in _COLOURS.findall(text) if not _GREYS.fullmatch(colour)] == []
    assert [text[max(0, at.start() - 30) : at.end() + 10] for at in _NOT_ASCII.finditer(text)] == []


def test_nothing_that_an_agent_prints_has_an_effect_on_the_terminal(site: RealFactory, folder: Path) -> None:
    words = folder / "words"
    words.write_text("\n".join([*_HOSTILE, _HARMLESS, ""]))
    item, _ = work(site, f"cat {words}\n", title="".join(_HOSTILE))
    site.settled(item)

    with terminal(folder, dashboard_command(), site.environment, (130, 30)) as shown:
        drawn = shown.keeps_what_is_drawn()
        shown.sees("live")
        title = shown.title
        shown.types(f":log {item}\r")
        for seen in ("[Transcript]", "[Log]", "[Diff]", "[Gates]", "[Timeline]", "[Fields]"):
            shown.sees(seen, *([_HARMLESS, "owned-by-bidi"] if seen in {"[Transcript]", "[Log]"} else []))
            shown.press("Tab")
        for key in "126789":
            shown.press("Escape", key)
            shown.sees("live")
        assert (shown.title, shown.clipboard) == (title, "")
        shown.press("q")
        assert shown.ends() == 0
        text = drawn.read_bytes()

    assert _HARMLESS.encode() in text
    for unwanted in ("]0;", "]2;", "]52;", "\x1bk", "\x9d", "\x9b", "\u202e", "\u2066", "\u200f", "]8;", "\x1bP", "\x1bc"):
        assert unwanted.encode() not in text, unwanted


def test_a_terminal_obeys_what_the_hostile_agent_prints_where_nobody_cleans_it(folder: Path) -> None:
    words = folder / "words"
    words.write_text("\n".join(_HOSTILE[:4]))

    with terminal(folder, ["cat", str(words)], {"PATH": "/usr/bin:/bin"}) as shown:
        shown.until(lambda: (shown.title, shown.clipboard) == ("owned-by-title", "owned"), "title and clipboard are taken")

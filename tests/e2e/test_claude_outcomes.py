"""The real Claude Code in the whole tree: what each of its ends does to the item, its attempts, and the others that use the account."""

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from factory.protocol.commands import Steer, Switch
from tests import scripted_model as model
from tests.claude_code import claude_binary
from tests.real_factory import RealFactory, check_trail, real_factory
from tests.scripted_model import Script, Session, scripted
from tests.waiting import eventually

TOKEN = "sk-ant-oat01-pretended-token-of-a-test"
LIVES_ON = "lives-on"
"""A file beside the program: while it is there, the program outlives its result."""
SETTINGS = {
    "CLAUDE_CODE_OAUTH_TOKEN": TOKEN,
    "ANTHROPIC_API_KEY": "",
    # Two ends of an iteration without progress end the attempt, and the first attempt that is burnt the item.
    "FACTORY_STUCK_AFTER": "2",
    "FACTORY_RETRY_STUCK": "false",
    "FACTORY_CLAUDE_SILENCE": "30s",
    "FACTORY_CLAUDE_ARGUMENTS": "--max-turns,7",
}
ONE = "# One\n\n- [ ] task 1\n"
ITERATED = {"ATTEMPT.ITERATION.SUCCESS", "ATTEMPT.ITERATION.FAILED"}
_SECONDS = 60


@pytest.fixture(scope="module")
def script() -> Iterator[Script]:
    with scripted((model.DONE,)) as (_, script):
        yield script


@pytest.fixture(scope="module")
def factory(script: Script) -> Iterator[RealFactory]:
    with tempfile.TemporaryDirectory(prefix="fc-") as folder:
        Path(folder).chmod(0o755)
        program = _outliving(Path(folder))
        own = {"CLAUDE_BIN": str(program), "ANTHROPIC_BASE_URL": script.url, "XDG_CONFIG_HOME": _configured(Path(folder))}
        with real_factory({**SETTINGS, **own}) as factory:
            factory.up()
            yield factory


def _outliving(folder: Path) -> Path:
    program = folder / "claude"
    program.write_text(
        f'#!/bin/sh\n[ -e {folder}/{LIVES_ON} ] || exec {claude_binary()} "$@"\n{claude_binary()} "$@"\nexec sleep 600\n',
    )
    program.chmod(0o755)
    return program


def _configured(folder: Path) -> str:
    """A configuration with a server that leaves a mark when it is started."""
    marks = folder / "marks"
    marks.mkdir()
    marks.chmod(0o777)
    config = folder / "factory" / "config.toml"
    config.parent.mkdir()
    config.write_text(f'[mcp.docs]\ncommand = "/bin/sh"\nargs = ["-c", "touch {marks}/docs"]\n')
    return str(folder)


@pytest.fixture(scope="module")
def remote(factory: RealFactory) -> Path:
    return factory.remote("work")


def submitted(factory: RealFactory, script: Script, remote: Path, *sessions: Session) -> str:
    script.play(*sessions)
    return factory.submit(remote, engine="claude", spec=ONE)


def ended(factory: RealFactory, item: str) -> dict[str, Any]:
    """The row of the first attempt, once it is over."""

    def over() -> dict[str, Any] | None:
        rows = factory.rows("SELECT * FROM attempts WHERE item = %s AND epoch = 1 AND outcome IS NOT NULL", item)
        return rows[0] if rows else None

    return eventually(over, _SECONDS, lambda: f"the attempt ends, there is {factory.item(item)}; {factory.log()}")


def measured(factory: RealFactory, item: str) -> list[str]:
    """How each attempt ended, as its row of `worker_metrics` has it."""
    return [row["status"] for row in factory.rows("SELECT status FROM worker_metrics WHERE work_item_id = %s", item)]


def iteration(factory: RealFactory, item: str) -> dict[str, Any]:
    """What the first iteration told of itself."""
    told = [event["data"]["agent"] for event in factory.view("events", item)["events"] if event["type"] in ITERATED]
    assert told, factory.view("events", item)
    first: dict[str, Any] = told[0]
    return first


def hold(factory: RealFactory) -> dict[str, Any]:
    found = factory.rows("SELECT kind, until - extract(epoch FROM clock_timestamp())::float8 AS seconds FROM live_holds")
    return found[0] if found else {}


def done_with(factory: RealFactory, *items: str) -> None:
    """Ends items that would be worked on again, and opens the engine for those of the next test."""
    for number, item in enumerate(items):
        assert factory.ask(Steer(f"cancel-{item}-{number}", "cancel", item, operator="test")).code == "ok"
    factory.ask(Switch(f"resume-{items[0]}", "resume", ("dispatch",), operator="test"))


# -- what is nobody's fault -------------------------------------------------------------------------------------------


class Shut(NamedTuple):
    """What the provider says, the attempt's class, what the account lacks, and whether it opens by itself."""

    refusal: model.Refuse
    outcome: str
    kind: str
    opens: bool


@pytest.mark.parametrize(
    "shut",
    [
        Shut(model.usage_limit(), "quota", "account", opens=True),
        Shut(model.UNAUTHORIZED, "auth", "login", opens=False),
        Shut(model.NO_CREDITS, "quota", "credits", opens=False),
    ],
    ids=["usage limit", "401", "credits"],
)
def test_what_shuts_the_account_parks_the_item_burns_nothing_and_holds_everybody_who_uses_it(
    factory: RealFactory, script: Script, remote: Path, shut: Shut
) -> None:
    item = submitted(factory, script, remote, (shut.refusal,))
    attempt = ended(factory, item)
    asked = len(script.asked)
    other, free = factory.submit(remote, engine="claude", spec=ONE), factory.submit(remote)
    factory.settled(free)

    row = factory.item(item)
    assert (attempt["outcome"], attempt["burnt"]) == (shut.outcome, False)
    assert (row["status"], row["condition"], row["attempts"], row["setbacks"]) == ("parked", "hold:claude", 0, 0)
    held = hold(factory)
    assert held["kind"] == shut.kind
    # As long as the provider said when this module was read, or until a person has done something about it.
    assert (model.RESET_SECONDS / 3 < held["seconds"] < model.RESET_SECONDS + 300) if shut.opens else held["seconds"] is None
    assert "its engine is held" in factory.view("item", other)["item"]["why"]
    assert (factory.item(other)["status"], len(script.asked)) == ("queued", asked)
    assert measured(factory, item) == [shut.outcome]
    check_trail(factory, item)
    done_with(factory, item, other)


def test_when_the_limit_opens_the_same_item_goes_on_by_itself(factory: RealFactory, script: Script, remote: Path) -> None:
    item = submitted(factory, script, remote, (model.usage_limit(),))
    ended(factory, item)
    script.play(model.one_task(1))

    factory.rows("UPDATE limits SET value = value || '{\"until\": 1}' WHERE name LIKE 'hold:%%' RETURNING name")
    factory.rows("UPDATE work_items SET scheduled_at = clock_timestamp() WHERE id = %s RETURNING id", item)

    row = factory.settled(item)
    assert (row["attempts"], row["epoch"]) == (0, 2)
    assert measured(factory, item) == ["quota", "done"]


@pytest.mark.parametrize("refusal", [model.THROTTLE, model.OVERLOADED, model.SERVER_ERROR], ids=["throttle", "overload", "5xx"])
def test_what_passes_by_itself_backs_off_burns_nothing_and_holds_nobody(
    factory: RealFactory, script: Script, remote: Path, refusal: model.Refuse
) -> None:
    item = submitted(factory, script, remote, (refusal,))
    attempt = ended(factory, item)

    row = factory.item(item)
    assert (attempt["outcome"], attempt["burnt"]) == ("infra", False)
    assert (row["status"], row["attempts"], row["setbacks"]) == ("queued", 0, 1)
    waits = factory.rows("SELECT extract(epoch FROM scheduled_at - ended_at)::float8 AS seconds FROM attempts "
                         "JOIN work_items ON id = item WHERE item = %s", item)  # fmt: skip
    assert waits[0]["seconds"] > 20, "the provider is left alone for a while"
    assert hold(factory) == {}
    assert measured(factory, item) == ["infra"]
    done_with(factory, item)


# -- what is the agent's ----------------------------------------------------------------------------------------------


def burnt(factory: RealFactory, item: str) -> dict[str, Any]:
    """The first iteration of an item whose one attempt was burnt."""
    row = factory.settled(item, "stuck")
    assert (row["attempts"], row["setbacks"]) == (1, 0)
    assert ended(factory, item)["burnt"]
    assert measured(factory, item) == ["stuck"]
    assert hold(factory) == {}
    return iteration(factory, item)


def test_a_hang_after_a_tools_result_burns_an_attempt(factory: RealFactory, script: Script, remote: Path) -> None:
    never = threading.Event()
    item = submitted(factory, script, remote, (model.bash("echo done"), model.Say("too late", held=never)))

    told = burnt(factory, item)
    never.set()

    assert told["ended_because"] == "hung after a tool"


def test_a_crash_burns_an_attempt_and_is_told_as_one(factory: RealFactory, script: Script, remote: Path) -> None:
    item = submitted(factory, script, remote, (model.bash("kill -9 $PPID"), model.DONE))

    assert "without a result" in burnt(factory, item)["error"]


def test_turns_without_progress_burn_an_attempt(factory: RealFactory, script: Script, remote: Path) -> None:
    item = submitted(factory, script, remote, (model.bash("echo again"),))

    told = burnt(factory, item)

    assert (told["terminal_reason"], told["error"]) == ("max_turns", "It was cut short by the number of turns.")


def test_denied_tools_burn_an_attempt_and_are_named(factory: RealFactory, script: Script) -> None:
    denying = factory.remote("denying", {".claude/settings.json": '{"permissions": {"deny": ["Bash(touch *)"]}}'})
    item = submitted(factory, script, denying, (model.bash("touch it"), model.DONE))

    assert burnt(factory, item)["error"] == "It was denied these tools: Bash."


# -- what does not keep the work from its end -------------------------------------------------------------------------


def test_a_dropped_stream_burns_nothing_where_the_next_iteration_goes_on(factory: RealFactory, script: Script, remote: Path) -> None:
    dropped = model.Say("half an answer", cut=True)
    item = submitted(factory, script, remote, (dropped,), model.one_task(1))

    assert factory.settled(item)["attempts"] == 0
    assert measured(factory, item) == ["done"]


def test_a_line_of_a_megabyte_is_delivered_as_any_other(factory: RealFactory, script: Script, remote: Path) -> None:
    steps = (model.write("big.txt", "x" * 1_000_000), model.commit("big"), model.tick(1), model.DONE)

    item = submitted(factory, script, remote, steps)

    row = factory.settled(item)
    assert (row["attempts"], factory.view("item", item)["item"]["commits"]) == (0, 1)
    assert measured(factory, item) == ["done"]


def test_a_program_that_outlives_its_result_is_ended_and_its_work_delivered(factory: RealFactory, script: Script, remote: Path) -> None:
    flag = Path(factory.environment["CLAUDE_BIN"]).with_name(LIVES_ON)
    flag.touch()
    item = submitted(factory, script, remote, model.one_task(1))

    row = factory.settled(item)
    flag.unlink()

    assert row["attempts"] == 0
    assert iteration(factory, item)["ended_because"] == "lived on"


def test_the_version_is_recorded_and_the_servers_of_the_settings_reach_the_program(
    factory: RealFactory, script: Script, remote: Path
) -> None:
    item = submitted(factory, script, remote, model.one_task(1))
    factory.settled(item)

    version = str(iteration(factory, item)["claude_code_version"])
    assert version.count(".") == 2
    assert f"claude {version}" in factory.view("log", item)["data"]
    assert (Path(factory.environment["XDG_CONFIG_HOME"]) / "marks" / "docs").exists()

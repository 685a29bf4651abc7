"""What an engine logs in with is nowhere in a real factory, after the engine has told it in every way that it has."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from factory.transport.feed_subscriber import FeedSubscriber
from tests.living_folder import holders_below
from tests.real_factory import HEARTBEAT, RealFactory, real_factory
from tests.waiting import eventually

_SECRET = "a-key-that-nobody-may-see-0123456789"
_SECONDS = 60
_AGENT = """#!/bin/sh
set -e
printf '/key.txt\\n' >> .git/info/exclude
printf '%s' "$MY_AGENT_KEY" > key.txt
echo "it is $MY_AGENT_KEY."
head -c 9 key.txt; sleep 0.4; tail -c +10 key.txt; echo
"""
_STUCK = _AGENT + 'echo "I am lost with $MY_AGENT_KEY" > "$FACTORY_NOTES/stuck.md"\n'
_DONE = (
    _AGENT
    + """
echo "Kept with $MY_AGENT_KEY in mind." > "$FACTORY_NOTES/new-learnings.md"
echo work > out.txt
git add out.txt
git commit -qm work
sed -i 's/\\[ \\]/[x]/' "$FACTORY_SPEC"
"""
)
_GATE = """
[[gates]]
name = "shows"
command = "echo the gate looks; head -c 9 key.txt; sleep 0.4; tail -c +10 key.txt; echo; {end}"
timeout = "1m"
"""


@pytest.fixture
def factory() -> Iterator[RealFactory]:
    with real_factory() as factory:
        config = factory.folder / "config" / "factory" / "config.toml"
        config.parent.mkdir(parents=True)
        config.write_text('[engine_keys]\ncommand = ["MY_AGENT_KEY"]\n')
        factory.environment |= {
            "XDG_CONFIG_HOME": str(factory.folder / "config"), "MY_AGENT_KEY": _SECRET, "FACTORY_RETRY_STUCK": "false",
        }  # fmt: skip
        factory.up()
        yield factory


def submit(factory: RealFactory, name: str, agent: str, end: str) -> str:
    remote = factory.remote(name, {".factory.toml": _GATE.format(end=end)})
    engine = f"command:{factory._program(name, agent)}"
    return factory.submit(remote, engine=engine, max_iterations=2)


def shown(factory: RealFactory, item: str) -> str:
    """All that a person can be shown of an item."""
    environment = {name: value for name, value in factory.environment.items() if name != "MY_AGENT_KEY"}
    told = [
        subprocess.run(
            [sys.executable, "-P", "-m", "factory.cli", command, item], capture_output=True, text=True, env=environment, timeout=_SECONDS,
            check=False,
        )
        for command in ("show", "logs", "events", "gates", "diff")
    ]  # fmt: skip
    assert told[0].returncode == 0, told[0].stderr
    return "".join(done.stdout + done.stderr for done in told)


def fed(factory: RealFactory) -> str:
    """What the feed has of the whole factory."""
    with closing(FeedSubscriber(factory.paths.run, HEARTBEAT)) as subscriber:
        return repr(eventually(lambda: subscriber.poll(0.2), _SECONDS, "a snapshot"))


def holders(factory: RealFactory, text: str) -> list[str]:
    """Files of the factory's data and its output that hold the text."""
    return [str(path.relative_to(factory.folder)) for path in holders_below(factory.folder, text.encode()) if path.parent.name != "factory"]


def test_no_file_no_view_and_no_feed_holds_the_key_of_an_engine_that_tells_it(factory: RealFactory) -> None:
    """S4: canaries in no file, log or bundle."""
    stuck = submit(factory, "stuck", _STUCK, "true")
    red = submit(factory, "red", _DONE, "test ! -e key.txt")
    done = submit(factory, "done", _DONE, "true")
    assert "I am lost with [hidden]" in factory.settled(stuck, "stuck")["reason"]
    factory.settled(done)
    eventually(lambda: factory.rows("SELECT 1 FROM attempts WHERE item = %s AND ended_at IS NOT NULL", red), _SECONDS, "red gates")

    told = {item: shown(factory, item) for item in (stuck, red, done)}
    feed = fed(factory)
    factory.down()

    assert all("[hidden]" in text for text in told.values())
    assert "the gate looks\n[hidden]" in told[done]
    assert holders(factory, "I am lost with [hidden]"), "it would be found, were it there"
    assert [item for item, text in told.items() if _SECRET in text] == []
    assert _SECRET not in feed
    assert holders(factory, _SECRET) == []

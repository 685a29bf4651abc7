"""The real Claude Code through the way out, without a factory: with an owner's token, and at a limit of the account."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.integrations.egress_model import ModelAccess
from tests import scripted_model as model
from tests.claude_code import claude_binary
from tests.integration.way_out_site import Site, way_out
from tests.scripted_model import Script, scripted
from worker_agent.engines.claude_outcome import Ending, read
from worker_agent.engines.claude_stream import Story, parse

TOKEN = "sk-ant-oat01-the-owners-own-token"
_SECONDS = 60


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted((model.DONE,)) as (_, script):
        yield script


@pytest.fixture
def site(script: Script) -> Iterator[Site]:
    with way_out(ModelAccess(script.url, token=TOKEN)) as site:
        yield site


def run(site: Site, folder: Path) -> tuple[int, Story]:
    """Runs it as a worker would, and reads what it told."""
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "CLAUDE_CONFIG_DIR": str(folder / "config"), "IS_SANDBOX": "1",
        "CLAUDE_CODE_OAUTH_TOKEN": TOKEN, **site.forwarder.environment, "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{site.port}/anthropic",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_MAX_RETRIES": "2",
    }  # fmt: skip
    command = [str(claude_binary()), "-p", "Do it.", "--output-format", "stream-json", "--verbose", "--dangerously-skip-permissions"]
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
    )  # fmt: skip
    story = Story()
    for line in done.stdout.splitlines():
        if (event := parse(line)) is not None:
            story.hear(event)
    return done.returncode, story


def test_an_owners_token_is_what_the_provider_is_shown(site: Site, script: Script, tmp_path: Path) -> None:
    code, story = run(site, tmp_path)

    assert code == 0
    assert story.result is not None
    assert {asked.headers["authorization"] for asked in script.asked} == {f"Bearer {TOKEN}"}
    assert not any("x-api-key" in asked.headers for asked in script.asked)
    assert site.outlay(lambda outlay: outlay.spent.calls > 0).blocked == ()


def test_a_limit_of_the_account_is_understood_as_one_f47(site: Site, script: Script, tmp_path: Path) -> None:
    """F47: the answer's headers, which say when it opens, come through."""
    script.play((model.usage_limit(),))

    code, story = run(site, tmp_path)

    outcome = read(story, Ending(code, timed_out=False, overdue="", seconds=1.0), 0.0).outcome
    assert outcome is not None
    assert (outcome.failure, outcome.holds) == ("quota", "account")
    assert story.limit is not None
    assert story.limit.resets_at is not None

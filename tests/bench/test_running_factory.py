"""A factory that is up: how long an item takes beside the same work without a factory, and how fast its commands are."""

import statistics
import subprocess
import sys
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from factory.cli.client import ask, new_command, view
from factory.clock import SystemClock
from factory.domain.ids import new_item_id
from factory.paths import Paths
from factory.protocol.commands import Submit
from tests.bench.measures import Row, Table, milliseconds, taking_turns
from tests.bench.sample import SPEC, Sample, environment, git, make_sample
from tests.waiting import eventually

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

_ROUNDS = 9
_COMMAND_ROUNDS = 15
_ITEM_SECONDS = 60.0
_COMMAND_SECONDS = 30
_DOCTOR_MS = 5_000
"""The median: whoever is told to run it while something is wrong does not wait for it."""
_CLOCK = SystemClock()


@pytest.fixture(scope="module")
def sample(folder: Path) -> Sample:
    return make_sample(folder)


def test_an_item_takes_longer_than_the_same_work_in_a_bare_shell(running: Paths, sample: Sample, table: Table) -> None:
    waits: list[float] = []
    numbers = count()

    spans = taking_turns(
        {
            "factory": lambda: _item(running, sample, waits),
            "shell": lambda: milliseconds(lambda: sample.in_a_shell(next(numbers))),
            "fork and exec": lambda: _bare_start(sample, next(numbers)),
        },
        _ROUNDS,
    )

    first = waits[-_ROUNDS:]
    table.add(Row("submit until the agent's first instruction", "ms", first, "fork + exec of the agent", spans["fork and exec"]))
    table.add(Row("an item of three iterations, until completed", "ms", spans["factory"], "clone, 3 agents, push", spans["shell"]))
    over = [ours - theirs for ours, theirs in zip(spans["factory"], spans["shell"], strict=True)]
    table.add(Row("what the factory adds to that item", "ms", over, "clone, 3 agents, push", spans["shell"]))


def test_commands_take_longer_than_an_empty_interpreter(running: Paths, environ: dict[str, str], table: Table) -> None:
    script = str(Path(sys.executable).with_name("factory"))
    commands = {
        "factory --help": [script, "--help"],
        "factory status": [script, "status"],
        "factory doctor": [script, "doctor"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }

    spans = taking_turns({name: partial(_ran, words, environ) for name, words in commands.items()}, _COMMAND_ROUNDS)

    for name in ("factory --help", "factory status", "factory doctor"):
        table.add(Row(name, "ms", spans[name], "python -c pass", spans["python -c pass"]))
    assert statistics.median(spans["factory doctor"]) < _DOCTOR_MS


def _item(paths: Paths, sample: Sample, waits: list[float]) -> float:
    """Milliseconds from the request to the moment that the database calls the item completed; notes when its agent began."""
    order = Submit(
        command=new_command(), item=new_item_id(), repo=str(sample.remote), base_branch="main", title="Three steps", spec=SPEC,
        engine=f"command:{sample.agent}",
    )  # fmt: skip
    began = _CLOCK.now()
    ask(paths, order)
    item = eventually(lambda: _ended(paths, order.item), _ITEM_SECONDS, "the item is completed")
    waits.append((sample.first_instruction(f"factory/{order.item}") - began) * 1000)
    return (float(item["completed_at"]) - began) * 1000


def _ended(paths: Paths, item: str) -> dict[str, float] | None:
    # The moment is read from the row, so that how often we look is not measured.
    row = view(paths, "item", item)["item"]
    assert row["status"] not in {"failed", "stuck", "parked"}, row
    return row if row["status"] == "completed" else None


def _bare_start(sample: Sample, number: int) -> float:
    work = sample.folder / f"bare-{number}"
    git(sample.folder, "clone", "--quiet", str(sample.remote), str(work))
    spec = sample.folder / f"spec-{number}"
    spec.write_text(SPEC)
    began = _CLOCK.now()
    with subprocess.Popen([sample.agent], cwd=work, env=environment({"FACTORY_SPEC": str(spec)})) as process:
        assert process.wait(_COMMAND_SECONDS) == 0
    return (int((work / "step-1").read_text()) / 1e9 - began) * 1000


def _ran(words: list[str], environ: dict[str, str]) -> float:
    return milliseconds(lambda: subprocess.run(words, env=environ, check=True, capture_output=True, timeout=_COMMAND_SECONDS))

"""Workers without a network on another machine: the real Claude Code works there, lets itself be counted, and holds no key."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import pytest

from factory.demo.model_server import Asked, serving
from factory.domain.budget import Spend
from factory.domain.model_prices import Tokens
from factory.errors import HostUnavailable
from factory.integrations.process_host import ProcessHost
from tests import scripted_model as model
from tests.claude_code import claude_binary
from tests.contract.worker_hosts import worker_root
from tests.e2e.test_way_out import AGENT, held_at_the_second_call
from tests.fakes.clock import ManualClock
from tests.living_folder import holders_below
from tests.real_factory import RealFactory, check_trail, git, real_factory
from tests.remote_worker import RemoteWorker, enrolled, free_port, remote_settings
from tests.scripted_model import Script, Step
from tests.waiting import eventually

KEY = "sk-ant-api03-canary-that-stays-outside"
ONE = "# One\n\n- [ ] task 1\n"
_SECONDS = 60

# What an agent that has turned would look for; the canary's pieces are put together here, so that the search does not find itself.
PROBE = """import json, os, socket, urllib.error, urllib.request
canary = ("sk-ant-api03-" + "canary-that").encode()
files = [os.path.join(top, name) for top, _, names in os.walk(os.path.dirname(os.environ["HOME"])) for name in names]
files += [f"/proc/{number}/{what}" for number in os.listdir("/proc") if number.isdigit() for what in ("environ", "cmdline")]
def holds(path):
    try:
        return canary in open(path, "rb").read(30_000_000)
    except OSError:
        return False
def reached(host, port):
    with socket.socket() as one:
        one.settimeout(3)
        try:
            one.connect((host, port))
            return "reached"
        except OSError as error:
            return type(error).__name__
def proxied(url):
    try:
        return urllib.request.urlopen(url, timeout=30).status
    except urllib.error.HTTPError as error:
        return error.code
told = {"held": [path for path in files if holds(path)], "tcp": {name: reached(host, port) for name, host, port in PORTS}}
told["proxied"] = {url: proxied(url) for url in ("http://evil.example/", "http://169.254.169.254/")}
told["interfaces"] = sorted(name for _, name in socket.if_nameindex())
json.dump(told, open("probe.json", "w"))
"""


@dataclass
class Counted:
    """A scripted model, and what its answers cost."""

    script: Script
    spent: Spend = field(default_factory=Spend)
    keys: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, asked: Asked) -> Step:
        step = self.script(asked)
        assert isinstance(step, model.Say)
        with self._lock:
            self.keys.add(asked.headers["x-api-key"])
            self.spent = self.spent.with_call(asked.body["model"], Tokens(*step.tokens))
        return step


@pytest.fixture(scope="module")
def counted() -> Iterator[Counted]:
    counted = Counted(Script(((model.DONE,),)))
    with serving(counted) as server:
        counted.script.url = server.url
        yield counted


@pytest.fixture(scope="module")
def factory(counted: Counted) -> Iterator[RealFactory]:
    with worker_root() as root:
        try:
            _ = ProcessHost(root, "test", Path(sys.executable), "bubblewrap", ManualClock(), network=False).isolation
        except HostUnavailable as error:
            pytest.skip(f"workers cannot be kept from the network here: {error}")
    settings = remote_settings(
        free_port(), ANTHROPIC_API_KEY=KEY, ANTHROPIC_BASE_URL=counted.script.url, CLAUDE_CODE_OAUTH_TOKEN="",
        FACTORY_ISOLATION="auto", FACTORY_NETWORK="egress", FACTORY_ATTEMPT_COST_CAP="1.00",
        # The program itself takes seconds of a processor to start; meanwhile the machine is to count as here.
        FACTORY_HEARTBEAT="1500ms",
    )  # fmt: skip
    with real_factory(settings) as factory:
        factory.up()
        yield factory


@pytest.fixture(scope="module")
def worker(factory: RealFactory) -> Iterator[RemoteWorker]:
    made = RemoteWorker(factory.folder, "anvil", environment={"CLAUDE_BIN": str(claude_binary())}, isolation="auto")
    yield enrolled(factory, "anvil", worker=made)
    made.end()


def holders(factory: RealFactory, text: str) -> list[str]:
    """Processes and files of both machines that hold the text; the process whose environment it came in has it as the kernel keeps that."""
    found = []
    for process in factory.processes():
        with suppress(psutil.Error):
            if factory.root is not None and process.pid != factory.root.pid:
                told = [*process.environ().values(), *process.cmdline()]
                found += [f"{process.pid} {process.name()}" for value in told if text in value]
    return [*found, *map(str, holders_below(factory.folder, text.encode()))]


def outlets(worker: RemoteWorker) -> list[int]:
    """Processes that let its workers out."""
    words = ["factory.wiring_outlet", str(worker.data)]
    return [process.pid for process in psutil.process_iter(["cmdline"]) if (process.info["cmdline"] or [])[3:5] == words]


def test_claude_code_completes_an_item_elsewhere_and_the_key_is_in_the_memory_of_its_way_out_alone(
    factory: RealFactory, worker: RemoteWorker, counted: Counted
) -> None:
    remote, go_on = factory.remote("elsewhere"), threading.Event()
    counted.script.play(held_at_the_second_call(go_on))

    item = factory.submit(remote, engine="claude", spec=ONE)
    eventually(
        lambda: len(counted.script.asked) >= 2, _SECONDS, lambda: f"the second call is under way: {factory.item(item)} {worker.log()}"
    )
    while_it_runs, ways = holders(factory, KEY), outlets(worker)
    go_on.set()
    factory.settled(item)

    assert while_it_runs == holders(factory, KEY) == []
    assert counted.keys == {KEY}
    assert len(ways) == 1
    assert git(remote, "log", "--format=%s", f"main..factory/{item}").splitlines() == ["task 1"]
    assert factory.rows("SELECT host, isolation FROM workers WHERE work_item_id = %s", item) == [{"host": "anvil", "isolation": "confined"}]
    spent = factory.rows("SELECT spent_tokens, spent_micros, spent_calls FROM attempts WHERE item = %s", item)
    assert [Spend(*row.values()) for row in spent] == [counted.spent]
    assert "| cost |" in factory.rows("SELECT body FROM pull_requests WHERE item = %s", item)[0]["body"]
    check_trail(factory, item)
    eventually(lambda: not outlets(worker), _SECONDS, "its way out has ended with it")
    eventually(lambda: not any((worker.data / "accounts").iterdir()), _SECONDS, "what was told is forgotten")
    eventually(lambda: not any((worker.data / "out").iterdir()), _SECONDS, "nothing of it is left")


def test_from_inside_elsewhere_nothing_is_reached_but_the_way_out_and_what_was_tried_is_told(
    factory: RealFactory, worker: RemoteWorker, counted: Counted
) -> None:
    ports = [
        ("foreign", "1.1.1.1", 443),
        ("metadata", "169.254.169.254", 80),
        ("model", "127.0.0.1", int(counted.script.url.rpartition(":")[2])),
    ]
    remote = factory.remote("probe", {"probe.py": f"PORTS = {ports!r}\n{PROBE}", "prober.sh": AGENT.format(probe="probe.py")})

    item = factory.submit(remote, engine="command:/bin/sh prober.sh", spec=ONE)
    factory.settled(item)

    seen = json.loads(git(remote, "show", f"factory/{item}:probe.json"))
    assert seen["held"] == []
    assert seen["interfaces"] == ["lo"]
    assert set(seen["tcp"].values()) <= {"OSError", "ConnectionRefusedError"}
    assert seen["proxied"] == {"http://evil.example/": 403, "http://169.254.169.254/": 403}
    told = factory.rows("SELECT data FROM events WHERE stream = %s AND type = 'WAY_OUT.HOST.BLOCKED' ORDER BY seq", f"item:{item}")
    assert sorted(row["data"]["host"] for row in told) == ["169.254.169.254", "evil.example"]
    body = factory.rows("SELECT body FROM pull_requests WHERE item = %s", item)[0]["body"]
    assert "## Hosts that the worker was not let to\n\n- `169.254.169.254`" in body
    assert "GET http://evil.example/ status=403" in worker.log(), "each request stands in that machine's log"


def test_at_the_cap_an_attempt_elsewhere_ends_with_the_reason_and_the_model_is_called_no_more(
    factory: RealFactory, worker: RemoteWorker, counted: Counted
) -> None:
    assert worker.process
    before = len(counted.script.asked)
    counted.script.play((replace(model.bash("true"), tokens=(100, 2_000_000)),))

    item = factory.submit(factory.remote("dear"), engine="claude", spec=ONE)
    row = factory.settled(item, "needs_approval")

    assert row["reason"].startswith("over_budget: the attempt has used $")
    assert len(counted.script.asked) - before == 1
    assert factory.rows("SELECT outcome, spent_calls FROM attempts WHERE item = %s", item)[0]["outcome"] == "policy"

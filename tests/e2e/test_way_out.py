"""Workers without a network in a real factory: the real Claude Code works through the way out, holds no key, and reaches nothing else."""

import json
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from factory.errors import HostUnavailable
from factory.integrations.process_host import ProcessHost
from tests import scripted_model as model
from tests.claude_code import claude_binary
from tests.contract.worker_hosts import worker_root
from tests.fakes.clock import ManualClock
from tests.integration.way_out_site import Upstream, answering, upstream
from tests.living_folder import everything_below, holders_below
from tests.real_factory import RealFactory, check_trail, git, real_factory
from tests.scripted_model import Script, scripted
from tests.waiting import eventually

KEY = "sk-ant-api03-canary-that-stays-outside"
ONE = "# One\n\n- [ ] task 1\n"
_SECONDS = 60

# What an agent that has turned would look for. The canary's pieces are put together here, so that the search does not find itself.
PROBE = """import json, os, socket, subprocess
canary = "sk-ant-api03-" + "canary-that"
held = []
places = [os.path.dirname(os.environ["HOME"]), "/tmp", "/run", "/var", "/root", "/home", "/srv"]
files = [os.path.join(top, name) for place in places for top, _, names in os.walk(place) for name in names]
files += [f"/proc/{number}/{what}" for number in os.listdir("/proc") if number.isdigit() for what in ("environ", "cmdline")]
for path in files:
    try:
        if canary.encode() in open(path, "rb").read(30_000_000):
            held.append(path)
    except OSError:
        pass
def reached(family, address):
    with socket.socket(family) as one:
        one.settimeout(3)
        try:
            one.connect(address)
            return "reached"
        except OSError as error:
            return type(error).__name__
tcp = {name: reached(socket.AF_INET, (host, port)) for name, host, port in TARGETS}
unix = {path: reached(socket.AF_UNIX, path) for path in SOCKETS}
names = {}
for name in ("example.com", "metadata.google.internal"):
    try:
        names[name] = socket.gethostbyname(name)
    except OSError as error:
        names[name] = type(error).__name__
proxied = {}
for url in URLS:
    done = subprocess.run(["python3", "-c", ASK, url], capture_output=True, text=True, timeout=60)
    proxied[url] = done.stdout.strip()
open("probe.json", "w").write(json.dumps({"held": held, "tcp": tcp, "unix": unix, "names": names, "proxied": proxied,
                                          "interfaces": sorted(name for _, name in socket.if_nameindex())}))
"""
ASK = """import sys, urllib.request, urllib.error
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=30).status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError as error:
    print(str(error)[:60])
"""
AGENT = """#!/bin/sh
set -e
python3 {probe}
git add -A
git commit -qm probe
sed -i 's/\\[ \\]/[x]/' "$FACTORY_SPEC"
"""
GATE = """
[[gates]]
name = "fetches"
command = "python3 -c 'import urllib.request; urllib.request.urlopen(\\"http://{host}:{port}/index/x\\", timeout=20)'"
"""


@pytest.fixture(scope="module")
def script() -> Iterator[Script]:
    with scripted((model.DONE,)) as (_, script):
        yield script


@pytest.fixture(scope="module")
def index() -> Iterator[Upstream]:
    """A package index in the operator's own network."""
    with upstream(answering("200 OK", b"a page")) as server:
        yield server


@pytest.fixture(scope="module")
def factory(script: Script, index: Upstream) -> Iterator[RealFactory]:
    with worker_root() as root:
        try:
            _ = ProcessHost(root, "test", Path(sys.executable), "bubblewrap", ManualClock(), network=False).isolation
        except HostUnavailable as error:
            pytest.skip(f"workers cannot be kept from the network here: {error}")
    host = socket.gethostname()
    settings = {
        "CLAUDE_BIN": str(claude_binary()), "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": script.url, "CLAUDE_CODE_OAUTH_TOKEN": "",
        "FACTORY_ISOLATION": "auto", "FACTORY_NETWORK": "egress", "FACTORY_MAX_SETBACKS": "3", "FACTORY_ATTEMPT_COST_CAP": "1.00",
        "FACTORY_EGRESS_ALLOW": f"http://{host}:{index.port}/index", "FACTORY_EGRESS_PRIVATE": socket.gethostbyname(host),
    }  # fmt: skip
    with real_factory(settings) as factory:
        factory.up()
        yield factory


def fetching_gate(index: Upstream) -> dict[str, str]:
    return {".factory.toml": GATE.format(host=socket.gethostname(), port=index.port)}


def held_at_the_second_call(go_on: threading.Event) -> list[model.Step]:
    first, second, *rest = model.one_task(1)
    assert isinstance(second, model.Say)
    return [first, replace(second, held=go_on), *rest]


def holders(factory: RealFactory, text: str) -> list[str]:
    """Processes and files of the workers that hold the text, logs and results included."""
    found = []
    for process in factory.processes():
        with suppress(psutil.Error):
            if factory.root is not None and process.pid != factory.root.pid and any(text in value for value in process.environ().values()):
                found.append(f"{process.pid} {process.name()}")
    for folder in (factory.paths.workers, factory.paths.logs, factory.paths.results, factory.paths.data):
        found += map(str, holders_below(folder, text.encode()))
    return found


def test_claude_code_completes_an_item_without_a_network_or_a_key_s4(factory: RealFactory, script: Script, index: Upstream) -> None:
    """S4: canaries in no file, log or bundle; credentials only where they are used. Looked for while it runs and afterwards."""
    remote = factory.remote("way-out", fetching_gate(index))
    go_on = threading.Event()
    script.play(held_at_the_second_call(go_on))

    item = factory.submit(remote, engine="claude", spec=ONE)
    eventually(lambda: len(script.asked) >= 2, _SECONDS, "the second call of the model is under way")
    while_it_runs = holders(factory, KEY)
    assert any(factory.paths.workers.glob("*/in/egress.json"))
    go_on.set()
    factory.settled(item)

    assert while_it_runs == holders(factory, KEY) == []
    assert git(remote, "log", "--format=%s", f"main..factory/{item}").splitlines() == ["task 1"]
    assert {asked.headers["x-api-key"] for asked in script.asked} == {KEY}
    # The gate was green in the worker and in the verification: both were let out to the one path of the index.
    assert [request.line for request in index.requests] == ["GET /index/x HTTP/1.1"] * 2
    (attempt,) = factory.rows("SELECT spent_tokens, spent_micros, spent_calls FROM attempts WHERE item = %s", item)
    assert attempt["spent_calls"] >= 4
    assert "| cost |" in factory.rows("SELECT body FROM pull_requests WHERE item = %s", item)[0]["body"]
    check_trail(factory, item)


def test_from_inside_nothing_is_reached_but_the_way_out_and_what_was_tried_is_told_s9_s10(factory: RealFactory, script: Script) -> None:
    """S4: workers see nothing of the factory. S9: from inside only the way out. S10: each blocked host is told of."""
    own, model_port = socket.gethostbyname(socket.gethostname()), int(script.url.rpartition(":")[2])
    here = f"{socket.gethostname()}:{model_port}"
    targets = [
        ("foreign", "1.1.1.1", 443),
        ("metadata", "169.254.169.254", 80),
        ("loopback", "127.0.0.1", model_port),
        ("own", own, model_port),
    ]
    sockets = [str(path) for path in everything_below(factory.folder) if path.is_socket() and "link" not in path.parts]
    assert any(".PGSQL" in path for path in sockets), "the database's own socket is among them"
    urls = [f"{scheme}://{host}/" for scheme in ("http", "https") for host in ("evil.example", "169.254.169.254", here)]
    probe = factory._program("probe.py", f"TARGETS, SOCKETS, URLS, ASK = {targets!r}, {sockets!r}, {urls!r}, {ASK!r}\n{PROBE}")
    agent = factory._program("prober.sh", AGENT.format(probe="probe.py"))
    remote = factory.remote("probe", {"probe.py": probe.read_text()})

    item = factory.submit(remote, engine=f"command:{agent}", spec=ONE)
    factory.settled(item)

    seen = json.loads(git(remote, "show", f"factory/{item}:probe.json"))
    assert seen["held"] == []
    assert seen["interfaces"] == ["lo"]
    assert set(seen["tcp"].values()) <= {"OSError", "ConnectionRefusedError"}
    assert set(seen["unix"].values()) == {"FileNotFoundError"}
    assert set(seen["names"].values()) == {"gaierror"}
    assert set(seen["proxied"].values()) <= {"403", "<urlopen error Tunnel connection failed: 403 Forbidden>"}
    told = factory.rows("SELECT data FROM events WHERE stream = %s AND type = 'WAY_OUT.HOST.BLOCKED' ORDER BY seq", f"item:{item}")
    assert {"evil.example", "169.254.169.254"} <= {row["data"]["host"] for row in told}
    assert len(told) == len({row["data"]["host"] for row in told})
    body = factory.rows("SELECT body FROM pull_requests WHERE item = %s", item)[0]["body"]
    assert "## Hosts that the worker was not let to\n\n- `169.254.169.254`" in body


def test_at_the_cap_the_attempt_ends_with_the_reason_and_the_model_is_called_no_more_f48(factory: RealFactory, script: Script) -> None:
    """F48: one call beyond the cap at most, and a person is asked instead of another attempt made."""
    before = len(script.asked)
    script.play((replace(model.bash("true"), tokens=(100, 2_000_000)),))

    item = factory.submit(factory.remote("dear"), engine="claude", spec=ONE)
    row = factory.settled(item, "needs_approval")

    assert row["reason"].startswith("over_budget: the attempt has used $")
    assert len(script.asked) - before == 1
    assert factory.rows("SELECT outcome, spent_calls FROM attempts WHERE item = %s", item)[0]["outcome"] == "policy"


def test_a_way_out_that_is_killed_costs_no_attempt(factory: RealFactory, script: Script) -> None:
    go_on = threading.Event()
    script.play(held_at_the_second_call(go_on))
    before = len(script.asked)
    item = factory.submit(factory.remote("killed"), engine="claude", spec=ONE)
    eventually(lambda: len(script.asked) - before >= 2, _SECONDS, "the second call of the model is under way")

    psutil.Process(factory.pids()["egress"]).send_signal(signal.SIGKILL)
    go_on.set()
    factory.settled(item)

    attempts = factory.rows("SELECT burnt, spent_calls FROM attempts WHERE item = %s", item)
    assert [attempt["burnt"] for attempt in attempts if attempt["burnt"]] == []
    assert factory.item(item)["attempts"] == 0
    assert len(attempts) == 1, "the engine tried again by itself"
    assert attempts[0]["spent_calls"] >= 4, "what was spent before is not forgotten"

"""What a worker gets from its host and what it cannot reach."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from factory.errors import HostUnavailable
from factory.integrations.process_host import ProcessHost
from factory.worker_ports import Isolation, Life, WorkerOrder
from tests.contract.worker_hosts import worker_root
from tests.fakes.clock import ManualClock
from tests.integration.process_hosts import (
    WAIT,
    Bench,
    benches,
    has_own_uid,
    order,
    output,
)
from tests.waiting import eventually


@pytest.fixture
def plain() -> Iterator[Bench]:
    yield from benches("unconfined")


@pytest.fixture(params=["uid", "bubblewrap"])
def confined(request: pytest.FixtureRequest) -> Iterator[Bench]:
    yield from benches(request.param)


@pytest.fixture
def wrapped() -> Iterator[Bench]:
    yield from benches("bubblewrap")


@pytest.fixture(params=["unconfined", "uid", "bubblewrap"])
def every(request: pytest.FixtureRequest) -> Iterator[Bench]:
    yield from benches(request.param)


def test_what_the_host_inherited_or_opened_stays_with_the_host(every: Bench, tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as file:
        os.set_inheritable(file.fileno(), True)

        seen = output(every, "import os; print([os.readlink('/proc/self/fd/%s' % d) for d in os.listdir('/proc/self/fd')[:-1]])")

    assert "secret" not in seen
    assert ".lock" not in seen


def test_the_environment_is_the_allow_list_and_nothing_else(every: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """S4: workers see nothing of the factory."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "canary")

    seen = json.loads(output(every, "import json, os; print(json.dumps(dict(os.environ)))"))

    # The wrapper and the C library add these by themselves.
    added = {"PWD", "LC_CTYPE", "LANG", "LC_ALL", "TZ", "TERM"}
    own = {"PATH", "HOME", "TMPDIR", "FACTORY_INSTANCE", "FACTORY_WORKER", "FACTORY_WORKER_DIR"}
    assert seen.keys() - added == own
    assert seen["HOME"] == f"{every.folder()}/home"
    assert seen["FACTORY_WORKER"] == "w"


def test_the_markers_cannot_be_overridden_by_an_order(plain: Bench) -> None:
    host = plain.host()
    host.start(order("import os; print(os.environ['FACTORY_WORKER'])", environment=(("FACTORY_WORKER", "other"),)))
    eventually(lambda: host.poll("w").life is Life.EXITED)

    assert host.log("w", 100) == b"w\n"


def test_limits_hold(every: Bench) -> None:
    text = "import json, resource as r\nprint(json.dumps([r.getrlimit(x)[1] for x in (r.RLIMIT_NOFILE, r.RLIMIT_CORE, r.RLIMIT_NPROC)]))"

    nofile, core, nproc = json.loads(output(every, text))

    assert nofile <= 4096
    assert core == 0
    assert (nproc == 512) is has_own_uid(every)


def test_a_confined_worker_cannot_read_what_only_the_factory_s_user_may(confined: Bench) -> None:
    """S4: workers see nothing of the factory."""
    secret = confined.root.parent / "secret"
    secret.write_text("canary")
    secret.chmod(0o600)

    text = f"try: print(open({str(secret)!r}).read())\nexcept OSError as error: print(error.strerror)"

    assert "canary" not in output(confined, text)


def test_a_confined_worker_cannot_reach_records_or_other_workers(confined: Bench) -> None:
    """S4: workers see nothing of the factory."""
    confined.host().start(WorkerOrder("other", (WAIT,), {"key": b"canary"}))
    text = f"""
import os
for path in ({str(confined.root / ".meta")!r}, {str(confined.root / "other" / "in" / "key")!r}, {str(confined.root)!r}):
    try: print(os.listdir(path) if os.path.isdir(path) else open(path).read())
    except OSError as error: print("refused")
"""

    seen = output(confined, text)

    assert "canary" not in seen
    assert ".json" not in seen
    assert "other" not in seen


def test_a_confined_worker_is_nobody_s_root(confined: Bench) -> None:
    status = dict(
        line.split(":\t", 1) for line in output(confined, "print(open('/proc/self/status').read())").splitlines() if ":\t" in line
    )

    assert int(status["CapEff"], 16) == 0
    assert int(status["CapPrm"], 16) == 0
    assert int(status["CapAmb"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert set(status["Uid"].split()) & {"0"} == set()
    assert status.get("Groups", "").strip() in {"", str(os.getgid())}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give uids")
def test_two_workers_never_share_a_uid(confined: Bench) -> None:
    with worker_root() as elsewhere:
        second = replace(confined, root=elsewhere.resolve())
        confined.host().start(order(WAIT, "w1"))
        confined.host().start(order(WAIT, "w2"))
        second.host().start(order(WAIT, "w1"))

        uids = {bench.folder(name).stat().st_uid for bench, name in ((confined, "w1"), (confined, "w2"), (second, "w1"))}

        assert len(uids) == 3
        assert 0 not in uids
        second.host().stop("w1", 0)
        assert confined.host().poll("w1").life is Life.RUNNING


def test_bubblewrap_shows_its_own_pids_and_writes_nowhere_but_in_its_folder(wrapped: Bench) -> None:
    text = """
import os
print(os.getpid(), len([name for name in os.listdir("/proc") if name.isdigit()]))
for path in ("/usr/x", "/etc/x", "/x"):
    try: open(path, "w")
    except OSError: print("refused", path)
open("/tmp/x", "w"); open("work/x", "w"); open("agent.txt", "w")
"""

    lines = output(wrapped, text).splitlines()

    pid, count = map(int, lines[0].split())
    assert pid == 2
    assert count == 2
    assert lines[1:] == ["refused /usr/x", "refused /etc/x", "refused /x"]
    assert (wrapped.folder() / "work" / "x").exists()


def test_bubblewrap_gives_the_worker_a_name(wrapped: Bench) -> None:
    assert output(wrapped, "import os, pwd; print(pwd.getpwuid(os.getuid()).pw_name)").strip()


def test_bubblewrap_can_cut_the_network_off(wrapped: Bench) -> None:
    host = wrapped.host(network=False)
    host.start(order("import socket; print([name for _, name in socket.if_nameindex()])"))
    eventually(lambda: host.poll("w").life is Life.EXITED)

    assert host.log("w", 100) == b"['lo']\n"


def test_a_host_without_bubblewrap_refuses_to_pretend_that_the_network_is_cut(plain: Bench) -> None:
    with pytest.raises(HostUnavailable):
        plain.host(network=False).start(order("pass"))


def test_a_readable_path_is_read_and_not_written(confined: Bench) -> None:
    mirror = confined.root.parent / "mirror"
    mirror.mkdir(mode=0o755)
    (mirror / "head").write_text("abc")
    text = f"""
print(open({str(mirror / "head")!r}).read())
try: open({str(mirror / "head")!r}, "w")
except OSError: print("refused")
"""
    host = confined.host()
    host.start(order(text, readable=(mirror,)))
    eventually(lambda: host.poll("w").life is Life.EXITED)

    assert host.log("w", 1000) == b"abc\nrefused\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives workers uids of their own")
def test_a_path_that_the_worker_s_uid_could_not_read_is_named_and_nothing_is_left(confined: Bench) -> None:
    mirror = confined.root.parent / "mirror"
    mirror.mkdir(mode=0o700)

    with pytest.raises(HostUnavailable, match="mirror"):
        confined.host().start(order("pass", readable=(mirror,)))

    assert list(confined.host().list_owned()) == []
    assert not confined.folder().exists()


def test_confined_is_refused_where_no_way_works(plain: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    host = ProcessHost(plain.root, "test", Path("/nowhere/python"), "confined", ManualClock())

    with pytest.raises(HostUnavailable, match="bubblewrap"):
        _ = host.isolation


def test_auto_falls_back_to_a_plain_process(plain: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    host = ProcessHost(plain.root, "test", Path("/nowhere/python"), "auto", ManualClock())

    assert host.isolation is Isolation.UNCONFINED


def test_auto_takes_bubblewrap_where_the_worker_agent_can_be_imported_in_it(wrapped: Bench) -> None:
    host = ProcessHost(wrapped.root, "test", Path(sys.executable), "auto", ManualClock())

    assert (host.isolation, host.way) == (Isolation.CONFINED, "bubblewrap")
    assert list(wrapped.root.glob(".trial*")) == []

"""Containers as workers: what the engine says of them, what they can reach, and how their ends are told apart."""

import json
import socket
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from factory.clock import SystemClock
from factory.domain.meter import Counts, between
from factory.errors import Conflict, HostUnavailable
from factory.integrations.docker_engine import Engine
from factory.integrations.docker_host import DockerHost, Made
from factory.integrations.docker_profile import Container, Profile, container_name, request
from factory.worker_ports import Isolation, Life, Observed, WorkerOrder
from tests.docker_engine import own_engine, removed_afterwards, worker_image
from tests.fakes.clock import ManualClock
from tests.waiting import eventually

pytestmark = pytest.mark.docker

CANARY = "canary-8f2d1c"
NAME = "0123456789-7"
MEMORY = 64 * 1024**2
SLEEPS = "import time; time.sleep(600)"
SMALL = Profile(memory=MEMORY, pids=32, cpus=1.0)

Make = Callable[..., DockerHost]


@pytest.fixture
def engine() -> Iterator[Engine]:
    with own_engine() as engine:
        yield engine


@pytest.fixture
def make(engine: Engine) -> Iterator[Make]:
    """Hosts of the factory `name`, all on one engine. A worker's arguments are a Python program."""
    with removed_afterwards(engine) as prefix:

        def host(name: str = "test", *, profile: Profile = SMALL, clock: Any = None, image: str = "") -> DockerHost:
            made = Made(image or worker_image(), profile, ("python3", "-I", "-c"))
            return DockerHost(engine, f"{prefix}-{name}", made, clock or SystemClock())

        yield host


@pytest.fixture
def host(make: Make) -> DockerHost:
    return make()


def order(program: str, *readable: Path, **files: bytes) -> WorkerOrder:
    return WorkerOrder(NAME, (program,), files, readable, environment=(("TOLD", CANARY),))


def inspected(engine: Engine, host: DockerHost) -> dict[str, Any]:
    seen = engine.look(container_name(host._instance, NAME))
    assert seen is not None
    return seen


def ended(host: DockerHost) -> Observed:
    eventually(lambda: host.poll(NAME).life is Life.EXITED, 30, "the worker has ended")
    return host.poll(NAME)


def answered(host: DockerHost, folder: Path) -> Any:
    """What the worker wrote as JSON into its out folder."""
    assert ended(host).code == 0, host.log(NAME, 2000)
    host.collect(NAME, "answer", folder / "answer", 100_000)
    return json.loads((folder / "answer").read_text())


def test_the_engine_holds_a_container_to_its_whole_profile(host: DockerHost, engine: Engine, tmp_path: Path) -> None:
    """S8: the whole profile, as the engine tells it."""
    tmp_path.chmod(0o755)
    host.start(order(SLEEPS, tmp_path))
    seen = inspected(engine, host)
    given = seen["HostConfig"]

    assert host.isolation is Isolation.CONTAINER
    assert (given["CapDrop"], given["CapAdd"] or [], given["Privileged"]) == (["ALL"], [], False)
    assert given["SecurityOpt"] == ["no-new-privileges"]
    assert (given["ReadonlyRootfs"], given["NetworkMode"], given["IpcMode"], given["PidMode"]) == (True, "none", "private", "")
    assert (given["Memory"], given["MemorySwap"], given["NanoCpus"], given["PidsLimit"]) == (MEMORY, MEMORY, 10**9, 32)
    assert {limit["Name"]: limit["Hard"] for limit in given["Ulimits"]} == {"nofile": 4096, "core": 0}
    assert (given["Init"], given["AutoRemove"], given["RestartPolicy"]["Name"]) == (True, False, "no")
    assert (given["LogConfig"]["Type"], given["Binds"], given["Devices"] or [], given["PortBindings"] or {}) == ("local", None, [], {})
    assert (seen["Config"]["User"], seen["Image"]) == ("10001:10001", worker_image())
    assert [(mount["Type"], mount["Destination"], mount["RW"]) for mount in sorted(seen["Mounts"], key=lambda mount: mount["Type"])] == [
        ("bind", str(tmp_path), False),
        ("volume", "/worker", True),
    ]
    assert not any("docker.sock" in mount["Source"] for mount in seen["Mounts"])
    labels = seen["Config"]["Labels"]
    assert {name: labels[f"factory.{name}"] for name in ("instance", "worker", "item", "epoch")} == {
        "instance": host._instance, "worker": NAME, "item": "0123456789", "epoch": "7",
    }  # fmt: skip


_LOOKS = """
import json, os, socket
def tried(what):
    try:
        what()
    except OSError as error:
        return error.strerror or str(error)
    return "done"
status = {line.split(":")[0]: line.split(":")[1].strip() for line in open("/proc/self/status")}
answer = {
    "uid": os.getuid(), "capabilities": status["CapEff"] + status["CapBnd"], "no_new_privs": status["NoNewPrivs"],
    "seccomp": status["Seccomp"], "mode": oct(os.stat("in/key").st_mode & 0o777), "key": open("in/key").read(),
    "in_memory": [line.split()[2] for line in open("/proc/mounts") if line.split()[1] == "/worker/in"],
    "interfaces": [name for _, name in socket.if_nameindex()],
    "told": os.environ["TOLD"], "cwd": os.getcwd(),
    "system": tried(lambda: open("/etc/mine", "w")),
    "shown": tried(lambda: open(PLACE + "/mine", "w")),
    "host": tried(lambda: socket.create_connection(("127.0.0.1", PORT), 5)),
    "metadata": tried(lambda: socket.create_connection(("169.254.169.254", 80), 5)),
    "others": tried(lambda: os.listdir(os.path.dirname(PLACE) + "/other")),
    "work": tried(lambda: open("work/mine", "w")),
}
json.dump(answer, open("out/answer", "w"))
"""


def test_from_inside_nothing_is_to_be_had_but_the_worker_s_own(host: DockerHost, tmp_path: Path) -> None:
    shown = tmp_path / "shown"
    shown.mkdir()
    shown.chmod(0o777)
    (tmp_path / "other").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        program = f"PLACE, PORT = {str(shown)!r}, {listening.getsockname()[1]}\n{_LOOKS}"
        host.start(order(program, shown, key=CANARY.encode()))
        answer = answered(host, tmp_path)

    assert (answer["uid"], int(answer["capabilities"], 16), answer["no_new_privs"], answer["seccomp"]) == (10001, 0, "1", "2")
    assert (answer["mode"], answer["key"], answer["in_memory"]) == ("0o400", CANARY, ["tmpfs"])
    assert (answer["told"], answer["cwd"], answer["interfaces"]) == (CANARY, "/worker", ["lo"])
    assert (answer["system"], answer["shown"]) == ("Read-only file system", "Read-only file system")
    assert (answer["host"], answer["metadata"]) == ("Connection refused", "Network is unreachable")
    assert (answer["others"], answer["work"]) == ("No such file or directory", "done")


def test_what_a_worker_is_given_is_nowhere_to_be_read_but_inside(host: DockerHost, engine: Engine, tmp_path: Path) -> None:
    host.start(order("pass", key=CANARY.encode()))
    ended(host)
    seen = inspected(engine, host)

    # On the disk: all that its layer and its volume hold.
    for path in ("/worker", "/etc"):
        with engine.archive(seen["Id"], path) as archive:
            assert archive is not None
            with tarfile.open(fileobj=archive, mode="r|") as tar:
                contents = [tar.extractfile(member).read() if member.isreg() else b"" for member in tar]  # type: ignore[union-attr]
        assert contents
        assert not any(CANARY.encode() in content for content in contents)
    assert CANARY not in json.dumps(seen)
    assert CANARY.encode() not in host.log(NAME, 100_000)
    assert not any(CANARY in line for line in _of_image(engine))


def _of_image(engine: Engine) -> list[str]:
    image = engine.image(worker_image())
    assert image is not None
    return [f"{name}={value}" for name, value in image.labels.items()]


@pytest.mark.parametrize(
    ("program", "code", "reason"),
    [
        pytest.param("kept = []\nwhile True: kept.append(bytearray(1 << 20))", -9, "It was killed for lack of memory", id="memory"),
        pytest.param("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", -9, "not for lack of memory", id="killed"),
        pytest.param("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", -11, "ended by signal 11", id="signal"),
        pytest.param(
            "import os, time\nwhile True:\n if not os.fork(): time.sleep(100)", 1, "Resource temporarily unavailable", id="processes"
        ),
        pytest.param("raise SystemExit('no spec')", 1, "no spec", id="its own word"),
    ],
)
def test_each_end_is_told_as_what_it_was(host: DockerHost, program: str, code: int, reason: str) -> None:
    host.start(order(program))

    seen = ended(host)

    assert seen.code == code
    assert reason in seen.reason


def test_a_program_that_starves_inside_is_told_beside_the_end(host: DockerHost) -> None:
    eats = "kept = []\\nwhile True: kept.append(bytearray(1 << 20))"
    host.start(order(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', '{eats}'], timeout=60)\nsys.exit(5)"))

    seen = ended(host)

    assert seen.code == 5
    assert "A program in it was killed for lack of memory: its container may use 64 MB." in seen.reason


def test_what_a_container_uses_is_counted_at_once_and_grows_with_its_work(host: DockerHost) -> None:
    host.start(order("kept = bytearray(8 << 20)\nwhile True: pass"))
    first = host.counts(NAME)
    assert first is not None

    def later() -> Counts | None:
        counts = host.counts(NAME)
        # Not before a tenth of a second of work: the engine notes the time of a reading a little after it was made.
        return counts if counts and counts.cpu_seconds > first.cpu_seconds + 0.1 and counts.memory > 8 << 20 else None

    now = eventually(later, 60, lambda: f"it has worked since {first}: {host.counts(NAME)}")
    figures = between(first, now)

    assert figures is not None
    assert figures.cpu > 0
    assert 8 << 20 < figures.memory <= figures.memory_limit == MEMORY
    assert 2 <= figures.pids <= 32, "the first process and the worker"


def test_of_a_container_that_does_not_run_nothing_is_counted(make: Make) -> None:
    host, other = make("mine"), make("other")
    assert host.counts(NAME) is None
    other.start(order(SLEEPS))
    assert host.counts(NAME) is None, "it is another factory's"
    host.start(order("pass"))
    ended(host)

    assert host.counts(NAME) is None


def test_a_container_that_was_made_and_not_started_is_started_by_the_next_try(make: Make, engine: Engine) -> None:
    host = make()
    engine.create(container_name(host._instance, NAME), request(_container(host), SMALL))

    assert host.poll(NAME).reason == "It is being started."
    assert host.start(order(SLEEPS)).life is Life.RUNNING


def test_a_container_that_nobody_started_is_no_worker_after_a_while(make: Make, engine: Engine) -> None:
    host = make(clock=ManualClock(now=SystemClock().now() + 60))
    engine.create(container_name(host._instance, NAME), request(_container(host), SMALL))

    assert host.poll(NAME) == Observed(NAME, Life.EXITED, reason="The factory ended before it could start this worker.")
    assert host.stop(NAME, 1).life is Life.GONE


def test_a_container_whose_factory_died_before_it_had_its_inputs_ends(host: DockerHost, engine: Engine) -> None:
    container = engine.create(container_name(host._instance, NAME), request(_container(host), SMALL))
    engine.start(container, b"")

    seen = ended(host)

    assert (seen.code, seen.reason) == (125, "the worker's inputs did not come: whoever started this worker went away")


def _container(host: DockerHost) -> Container:
    from factory.integrations import docker_entry
    from factory.integrations.docker_host import ENTRY

    command = (*ENTRY, Path(docker_entry.__file__).read_text("utf-8"), "python3", "-c", SLEEPS)
    return Container(host._instance, NAME, worker_image(), command, ())


def test_another_factory_s_container_of_the_same_name_is_left_alone(make: Make, engine: Engine) -> None:
    mine, other = make("mine-one"), make("mine-two")
    other.start(order(SLEEPS))

    with pytest.raises(Conflict, match="belongs to the factory"):
        mine.start(order("pass"))

    assert mine.poll(NAME).life is Life.GONE
    assert mine.stop(NAME, 0).life is Life.GONE
    mine.remove(NAME)
    assert list(mine.list_owned()) == []
    assert other.poll(NAME).life is Life.RUNNING


def test_nothing_of_a_removed_worker_is_left_on_the_engine(host: DockerHost, engine: Engine) -> None:
    host.start(order("pass"))
    ended(host)
    volume = next(mount["Name"] for mount in inspected(engine, host)["Mounts"])

    host.remove(NAME)

    assert engine.look(container_name(host._instance, NAME)) is None
    with engine._asked("volumes") as client:
        assert volume not in [each["Name"] for each in client.volumes()["Volumes"] or ()]


def test_without_its_image_no_worker_is_made_and_the_mend_is_told(make: Make) -> None:
    host = make(image="factory-worker:of-nobody")

    with pytest.raises(HostUnavailable, match="has no image factory-worker:of-nobody: make it with `factory image build`"):
        host.start(order("pass"))
    with pytest.raises(HostUnavailable, match="has no image"):
        host.ready()

    assert list(host.list_owned()) == []
    assert host.poll(NAME).life is Life.GONE


def test_what_the_order_names_and_is_not_there_is_told(host: DockerHost, tmp_path: Path) -> None:
    with pytest.raises(HostUnavailable, match="bind source path does not exist"):
        host.start(order("pass", tmp_path / "missing"))

    assert host.poll(NAME).life is Life.GONE


def test_what_a_container_s_user_could_not_read_is_told_before_it_is_made(host: DockerHost, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    with pytest.raises(HostUnavailable, match=r"A container's user .10001. must read .*closed: open it to others"):
        host.start(order("pass", closed))

    assert host.poll(NAME).life is Life.GONE


def test_a_container_that_somebody_paused_is_ended_all_the_same(host: DockerHost, engine: Engine) -> None:
    host.start(order(SLEEPS))
    with engine._asked("a container cannot be paused") as client:
        client.pause(container_name(host._instance, NAME))
    assert host.poll(NAME).life is Life.RUNNING

    assert host.stop(NAME, 0.2).life is Life.EXITED

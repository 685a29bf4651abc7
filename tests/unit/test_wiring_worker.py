"""What a machine of remote workers says of itself, and what it refuses before it says anything."""

from pathlib import Path

import pytest

from factory.errors import InvalidInput
from factory.wiring_worker import container_instance, facts, place
from factory.worker_host.home import Home
from tests.fakes.worker_host import FakeWorkerHost


def test_which_network_workers_have_is_not_for_it_to_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "factory.toml").write_text('network = "egress"\n')

    for kind in ("process", "docker"):
        with pytest.raises(
            InvalidInput, match=r'^network is "egress", which is for the factory to say, for all of its machines: take it away here\.'
        ):
            place(Home(tmp_path), "anvil", kind, "unconfined")


def test_engines_that_call_a_model_are_none_of_a_machine_whose_workers_have_no_network() -> None:
    assert facts(FakeWorkerHost(), 1, None, alone=True).engines == ("command",)
    assert {"claude", "codex", "command"} <= set(facts(FakeWorkerHost(), 1, None).engines)
    assert "claude" not in facts(FakeWorkerHost(), 1, ()).engines


def test_they_are_where_it_can_let_such_workers_out_and_the_factory_has_them_so() -> None:
    told = facts(FakeWorkerHost(), 1, None, alone=True, lonely=True)

    assert told.engines == ("command",), "for a factory that knows nothing of it, or gives its workers a network"
    assert {"claude", "codex", "command"} <= set(told.alone)
    assert facts(FakeWorkerHost(), 1, None).alone == ()
    assert "claude" not in facts(FakeWorkerHost(), 1, (), lonely=True).alone


@pytest.mark.parametrize(("name", "because"), [("w", "isolation is unconfined"), ("w" * 90, "too long a name")])
def test_where_it_cannot_it_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, because: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    home = Home(Path("/tmp") / name)

    found = place(home, "anvil", "process", "unconfined")

    assert found.lonely is None
    assert because in found.because


def test_two_hosts_of_one_name_on_one_engine_know_their_own_containers(tmp_path: Path) -> None:
    first, second = (container_instance(Home(tmp_path / name), "anvil") for name in ("a", "b"))

    assert first != second
    assert first == container_instance(Home(tmp_path / "." / "a"), "anvil")
    assert first[:8] != second[:8], "what is shown of it in a container's name"

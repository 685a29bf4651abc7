"""What a machine of remote workers says of itself, and what it refuses before it says anything."""

from pathlib import Path

import pytest

from factory.errors import InvalidInput
from factory.wiring_worker import container_instance, facts, place
from factory.worker_host.home import Home
from tests.fakes.worker_host import FakeWorkerHost


def test_a_network_that_it_cannot_offer_is_refused_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "factory.toml").write_text('network = "egress"\n')

    for kind in ("process", "docker"):
        with pytest.raises(InvalidInput, match=r'^network is "egress", which a machine of remote workers does not offer: take it away\.'):
            place(Home(tmp_path), "anvil", kind, "unconfined")


def test_engines_that_call_a_model_are_none_of_a_machine_whose_workers_have_no_network() -> None:
    assert facts(FakeWorkerHost(), 1, None, alone=True).engines == ("command",)
    assert {"claude", "codex", "command"} <= set(facts(FakeWorkerHost(), 1, None).engines)
    assert "claude" not in facts(FakeWorkerHost(), 1, ()).engines


def test_two_hosts_of_one_name_on_one_engine_know_their_own_containers(tmp_path: Path) -> None:
    first, second = (container_instance(Home(tmp_path / name), "anvil") for name in ("a", "b"))

    assert first != second
    assert first == container_instance(Home(tmp_path / "." / "a"), "anvil")
    assert first[:8] != second[:8], "what is shown of it in a container's name"

"""The settings of the way out: what is refused, what the doctor says, and that nothing of it is there where nobody asks for it."""

import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from factory.config import Settings, load
from factory.config_egress import conflict
from factory.doctor import Level
from factory.doctor_checks_way_out import way_out
from factory.domain.budget import Caps
from factory.domain.egress import parse_rule
from factory.errors import HostUnavailable, InvalidInput
from factory.integrations.egress_model import ModelAccess
from factory.integrations.process_host import ProcessHost
from factory.paths import Paths, fresh_folder
from factory.wiring import specs
from factory.wiring_egress import PROVIDER, check_way_out, model_access, prepare_way_out, way_out_terms
from factory.wiring_site import Site
from tests.fakes.clock import ManualClock


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("NETWORK", "internet", "network should be"),
        ("EGRESS_ALLOW", "packages.example.org,user@host", r"egress_allow\[2\] names no host"),
        ("EGRESS_ALLOW", "host/path", r"egress_allow\[1\] cannot rule method or path"),
        ("EGRESS_PRIVATE", "10.0.0.1/8", r"egress_private\[1\] should be a network"),
        ("ATTEMPT_COST_CAP", "-1", "attempt_cost_cap should be"),
        ("ATTEMPT_TOKEN_CAP", "many", "attempt_token_cap should be"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=f"FACTORY_{name}: {complaint}"):
        load({f"FACTORY_{name}": text, "HOME": str(tmp_path)}, tmp_path)


def test_a_list_may_be_written_in_one_variable(tmp_path: Path) -> None:
    environ = {"FACTORY_EGRESS_ALLOW": "a.example, GET|POST https://b.example/x", "FACTORY_ATTEMPT_COST_CAP": "2.5", "HOME": str(tmp_path)}

    settings = load(environ, tmp_path)

    assert settings.egress_allow == ("a.example", "GET|POST https://b.example/x")
    assert settings.caps == Caps(0, 2_500_000)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"network": "egress", "isolation": "unconfined"}, 'isolation is "unconfined"'),
        ({"network": "none", "isolation": "unconfined"}, 'isolation is "unconfined"'),
        ({"network": "egress", "worker_host": "docker", "docker_network": "bridge"}, 'docker_network is "bridge"'),
        ({"attempt_cost_cap": 1.0}, "attempt_cost_cap is for workers without a network"),
        ({"egress_allow": ("a.example",)}, "egress_allow is for workers without a network"),
        ({}, ""),
        ({"network": "egress"}, ""),
        ({"network": "egress", "worker_listen": "tcp://0.0.0.0:7711"}, ""),
        ({"network": "egress", "worker_host": "docker", "isolation": "unconfined"}, ""),
    ],
)
def test_settings_that_cannot_hold_together_are_refused_in_one_sentence(given: dict[str, Any], sentence: str) -> None:
    settings = Settings(**given)

    why = conflict(
        settings, isolation=settings.isolation, worker_host=settings.worker_host, docker_network=settings.docker_network
    )  # fmt: skip

    assert sentence in why
    assert bool(why) is bool(sentence)
    if sentence:
        with pytest.raises(InvalidInput, match=sentence.split(maxsplit=1)[0]):
            check_way_out(settings)


def test_a_machine_that_cannot_keep_workers_from_the_network_says_so(tmp_path: Path) -> None:
    host = ProcessHost(tmp_path / "workers", "test", Path(sys.executable), "unconfined", ManualClock(), network=False)

    with pytest.raises(HostUnavailable, match="cannot be kept from the network as asked for: install bubblewrap"):
        _ = host.isolation


def test_the_process_is_there_only_where_it_is_asked_for() -> None:
    assert "egress" not in {spec.name for spec in (*specs(Settings()), *specs(Settings(network="none")))}
    assert [spec.level for spec in specs(Settings(network="egress")) if spec.name == "egress"] == ["edge"]


def test_the_model_is_called_with_the_key_or_where_there_is_none_with_the_owners_token() -> None:
    both = {"ANTHROPIC_API_KEY": "key", "CLAUDE_CODE_OAUTH_TOKEN": "token", "ANTHROPIC_BASE_URL": "https://m/"}

    assert model_access(both) == ModelAccess("https://m", "key")
    assert model_access({"CLAUDE_CODE_OAUTH_TOKEN": "token"}) == ModelAccess(PROVIDER, token="token")
    assert "key" not in repr(model_access(both))


@pytest.fixture
def site() -> Iterator[Site]:
    """In a folder with a path that is short enough for sockets."""
    folder = fresh_folder("wo-")
    paths = Paths(folder / "data", folder / "run")
    paths.link.mkdir(parents=True)
    yield Site(Settings(network="egress"), paths, "test", "auto", "confined", folder / "log")
    shutil.rmtree(folder)


def test_the_key_of_the_secrets_is_made_once_and_for_the_factory_alone(site: Site) -> None:

    prepare_way_out(site)
    first = site.egress_key.read_bytes()
    prepare_way_out(site)

    assert (site.egress_key.read_bytes(), len(first)) == (first, 32)
    assert stat.S_IMODE(site.egress_key.stat().st_mode) == 0o600
    assert stat.S_IMODE(site.egress_socket.parent.stat().st_mode) == 0o755
    terms = way_out_terms(site)
    assert terms is not None
    assert (terms.key, terms.socket) == (first, site.egress_socket)
    assert repr(first) not in repr(terms)
    assert [way_out_terms(replace(site, settings=Settings(network=network))) for network in ("host", "none")] == [None, None]


RULES = [parse_rule("a.example"), parse_rule("https://b.example")]


@pytest.mark.parametrize(
    ("network", "why", "caps", "logins", "expected"),
    [
        ("egress", "", Caps(0, 5_000_000), ["ANTHROPIC_API_KEY"], (Level.OK, "2 entries of egress_allow (1 as a tunnel, in which nobody")),
        ("egress", "", Caps(1_000, 5_000_000), [], (Level.OK, "an attempt may use $5.00 by list prices of 20")),
        ("egress", "", Caps(), [], (Level.WARN, "no attempt has a limit")),
        ("egress", "", Caps(1), ["CLAUDE_CODE_OAUTH_TOKEN"], (Level.OK, "a subscription's token is a file in each")),
        ("none", "", Caps(), [], (Level.WARN, "cannot work")),
        ("host", "these fight", Caps(1), [], (Level.FAIL, "these fight")),
    ],
)
def test_the_doctor_says_what_workers_may_do(network: str, why: str, caps: Caps, logins: list[str], expected: tuple[Level, str]) -> None:
    verdict = way_out(network, why, RULES, caps, logins)

    assert (verdict.level, expected[1] in verdict.why) == (expected[0], True)
    assert bool(verdict.mend) is (expected[0] is not Level.OK)

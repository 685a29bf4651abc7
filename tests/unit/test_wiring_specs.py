"""Who writes specs, by what is set."""

from pathlib import Path

import pytest

from factory.config import Settings, load
from factory.domain.spec_draft import Issue
from factory.errors import InvalidInput
from factory.integrations.plain_specs import PlainSpecs
from factory.integrations.spec_command import CommandSpecs
from factory.paths import Paths
from factory.spec_ports import SpecOrder, SpecUnavailable
from factory.wiring import specs
from factory.wiring_offline import checks
from factory.wiring_site import Shared, Site
from factory.wiring_specs import ModelAtFirstUse, writer_of

KEY = {"ANTHROPIC_API_KEY": "sk-ant-canary", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}


def site(folder: Path, settings: Settings, credential: dict[str, str]) -> Site:
    return Site(settings, Paths(folder / "data", folder / "run"), "i", "unconfined", "unconfined", folder / "log", credential=credential)


@pytest.mark.parametrize(
    ("settings", "credential", "kind"),
    [
        (Settings(), {}, PlainSpecs),
        (Settings(), KEY, ModelAtFirstUse),
        (Settings(spec_command="write-spec --now"), KEY, CommandSpecs),
    ],
)
def test_a_command_goes_before_a_model_and_a_model_before_a_plain_spec(tmp_path, settings, credential, kind) -> None:
    here = site(tmp_path, settings, credential)

    assert type(writer_of(here, Shared(here, "spec_writer"))) is kind


def test_the_model_is_asked_at_its_address_with_the_settings_that_hold(tmp_path) -> None:
    here = site(tmp_path, Settings(spec_model="claude-x", spec_timeout=5.0), KEY)
    writer = writer_of(here, Shared(here, "spec_writer"))

    with pytest.raises(SpecUnavailable):
        writer.write(SpecOrder("i", "/repo", "main", Issue("o/r#1", "t", "b")))

    assert "canary" not in repr(here)


@pytest.mark.parametrize(("settings", "there"), [(Settings(), False), (Settings(repos=("o/r",)), True), (Settings(inbox="/tmp/in"), True)])
def test_there_is_a_spec_writer_only_where_issues_are_taken_in(settings, there) -> None:
    assert ("spec_writer" in {spec.name for spec in specs(settings)}) is there


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ("", []),
        ('inbox = "/tmp/in"', ["No model writes specs"]),
        ('inbox = "/tmp/in"\nspec_command = "no-such --x"', ["spec_command is `no-such --x`"]),
        ('inbox = "/tmp/in"\nspec_command = "../../bin/sh"', ["spec_command is `../../bin/sh`"]),
        ('inbox = "/tmp/in"\nspec_command = "sh -c x"', ["written by /"]),
    ],
)
def test_the_doctor_says_who_writes_specs_where_issues_are_taken_in(tmp_path, settings, found) -> None:
    (tmp_path / "factory.toml").write_text(settings)
    environ = {"PATH": "/bin:/usr/bin", "HOME": str(tmp_path)}

    told = [each.look().why for each in checks(Paths(tmp_path / "data", tmp_path / "run"), environ, tmp_path) if each.group == "issues"]

    assert [sentence in text for sentence, text in zip(found, told, strict=True)] == [True] * len(found)


def test_a_command_that_no_shell_could_split_is_refused_where_it_is_set(tmp_path) -> None:
    with pytest.raises(InvalidInput, match="FACTORY_SPEC_COMMAND: spec_command should be words as a shell splits them"):
        load({"FACTORY_SPEC_COMMAND": "write 'spec", "HOME": str(tmp_path)}, tmp_path)
    assert load({"FACTORY_SPEC_COMMAND": "  ", "HOME": str(tmp_path)}, tmp_path).spec_command == ""

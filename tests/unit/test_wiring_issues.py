"""Intake is there only where it is wanted, and what it lacks is said before anything starts."""

from pathlib import Path

import pytest

from factory.config import Settings, load
from factory.errors import InvalidInput
from factory.wiring import specs
from factory.wiring_issues import check_intake


@pytest.mark.parametrize(
    ("settings", "there"),
    [(Settings(), False), (Settings(repos=("acme/widgets",)), True), (Settings(inbox="/srv/inbox"), True)],
)
def test_a_factory_that_watches_nothing_has_no_process_for_it(settings: Settings, there: bool) -> None:
    assert ("intake" in {spec.name for spec in specs(settings)}) is there


def test_repositories_without_a_way_to_log_in_are_refused_in_one_sentence() -> None:
    with pytest.raises(InvalidInput, match=r"^repos is set, and there is nothing to log in to GitHub with: export GITHUB_TOKEN, .*\.$"):
        check_intake(Settings(repos=("acme/widgets",)), is_on_github=False)

    check_intake(Settings(repos=("acme/widgets",)), is_on_github=True)
    check_intake(Settings(), is_on_github=False)


def test_an_inbox_that_others_may_write_to_is_refused_before_anything_starts(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)

    with pytest.raises(InvalidInput, match="chmod go-w"):
        check_intake(Settings(inbox=str(tmp_path)), is_on_github=True)


def test_the_names_that_these_settings_had_from_the_beginning_hold(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "REPOS": "acme/widgets, acme/gadgets", "INTAKE_LABEL": "robot", "POLL_INTERVAL": "30000"}

    loaded = load(environ, tmp_path)

    assert (loaded.repos, loaded.intake_label, loaded.poll_interval) == (("acme/widgets", "acme/gadgets"), "robot", 30.0)


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({"REPOS": "widgets"}, "REPOS: repos[1] should name repositories as owner/name, not 'widgets'."),
        ({"REPOS": "https://github.com/acme/widgets"}, "should name repositories as owner/name"),
        ({"INTAKE_LABEL": "a,b"}, "should be a label of at most 39 characters without a comma"),
        ({"POLL_INTERVAL": "soon"}, "POLL_INTERVAL should be a number of milliseconds, not 'soon'."),
        ({"POLL_INTERVAL": "1"}, "poll_interval should be at least 1"),
        ({"FACTORY_TRUSTED_BOTS": "dependabot"}, "trusted_bots[1] should be a whole number"),
        ({"FACTORY_WORKER_LABELS": "gpu,Big"}, "worker_labels cannot be used: 'Big' is no label"),
        ({"FACTORY_PRIORITY_LABELS": "x"}, "priority_labels can only be written in factory.toml"),
    ],
)
def test_a_wrong_setting_is_told_with_its_place(tmp_path: Path, environ: dict[str, str], why: str) -> None:
    with pytest.raises(InvalidInput) as told:
        load({"HOME": str(tmp_path), **environ}, tmp_path)

    assert why in str(told.value)


def test_labels_of_issues_stand_for_those_of_hosts(tmp_path: Path) -> None:
    (tmp_path / "factory.toml").write_text('worker_labels = ["big"]\n[needs_labels]\n"needs gpu" = "gpu"\n')
    assert (loaded := load({"HOME": str(tmp_path)}, tmp_path)).worker_labels == ("big",)
    assert loaded.needs_labels == {"needs gpu": "gpu"}

    (tmp_path / "factory.toml").write_text('[needs_labels]\ngpu = "GPU"\n')
    with pytest.raises(InvalidInput, match="needs_labels cannot be used: 'GPU' is no label"):
        load({"HOME": str(tmp_path)}, tmp_path)


def test_the_inbox_is_meant_from_where_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert Settings(inbox="in").inbox == str(tmp_path / "in")

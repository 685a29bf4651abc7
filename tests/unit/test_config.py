"""Settings: which source wins, in which units, and what is said when something is wrong."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import pytest

from factory.config import Settings, load
from factory.config_sources import ignored
from factory.domain.gates import Gate
from factory.errors import InvalidInput


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    (folder / ".config" / "factory").mkdir(parents=True)
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def write_user(home: Path, text: str) -> None:
    (home / ".config" / "factory" / "config.toml").write_text(text)


def write_local(work: Path, text: str) -> None:
    (work / "factory.toml").write_text(text)


def loaded(home: Path, work: Path, environ: Mapping[str, str] | None = None, **flags: str) -> Settings:
    return load({"HOME": str(home), **(environ or {})}, work, flags)


def complaint(home: Path, work: Path, environ: Mapping[str, str] | None = None, **flags: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        loaded(home, work, environ, **flags)
    return str(caught.value)


def test_the_defaults_are_those_that_were_there_from_the_beginning(home: Path, work: Path) -> None:
    settings = loaded(home, work)

    assert settings == Settings()
    assert (settings.max_workers, settings.daily_iterations, settings.cooldown, settings.loop_interval) == (
        2, 200, 60.0, 5.0,
    )  # fmt: skip


def test_flags_win_over_the_environment_and_that_over_files_of_which_the_nearer_wins(home: Path, work: Path) -> None:
    write_user(home, "max_workers = 3\nmax_attempts = 3\nstuck_after = 3\nmax_files = 3")
    write_local(work, "max_workers = 4\nmax_attempts = 4\nstuck_after = 4")

    settings = loaded(home, work, {"FACTORY_MAX_WORKERS": "5", "FACTORY_MAX_ATTEMPTS": "5"}, max_workers="6")

    assert settings.max_workers == 6
    assert settings.max_attempts == 5
    assert settings.stuck_after == 4
    assert settings.max_files == 3


def test_the_inherited_names_keep_their_units(home: Path, work: Path) -> None:
    environ = {
        "MAX_WORKERS": "7",
        "DAILY_BUDGET": "11",
        "COOLDOWN_SECONDS": "13",
        "LOOP_INTERVAL_MS": "250",
        "DATABASE_URL": "postgresql://example/x",
    }

    settings = loaded(home, work, environ)

    assert (settings.max_workers, settings.daily_iterations, settings.cooldown) == (7, 11, 13.0)
    assert settings.loop_interval == pytest.approx(0.25)
    assert settings.database_url == "postgresql://example/x"


def test_the_factory_names_win_over_the_inherited_ones(home: Path, work: Path) -> None:
    settings = loaded(home, work, {"COOLDOWN_SECONDS": "60", "FACTORY_COOLDOWN": "0s"})

    assert settings.cooldown == 0


def test_an_empty_variable_is_as_none(home: Path, work: Path) -> None:
    assert loaded(home, work, {"MAX_WORKERS": "", "FACTORY_HEARTBEAT": ""}) == Settings()


def test_durations_are_written_with_their_unit(home: Path, work: Path) -> None:
    write_local(work, 'cooldown = "5m"\niteration_timeout = "2h"')

    settings = loaded(home, work, {"FACTORY_HEARTBEAT": "200ms"})

    assert (settings.cooldown, settings.iteration_timeout) == (300.0, 7200.0)
    assert settings.heartbeat == pytest.approx(0.2)


def test_a_worker_may_take_twelve_heartbeats_to_start_unless_told_otherwise(home: Path, work: Path) -> None:
    assert loaded(home, work, {"FACTORY_HEARTBEAT": "1s"}).start_timeout == pytest.approx(12.0)
    assert loaded(home, work, {"FACTORY_START_TIMEOUT": "3s"}).start_timeout == pytest.approx(3.0)
    assert Settings(heartbeat=2.0).start_timeout == pytest.approx(24.0)
    assert Settings(heartbeat=2.0).stalled_after == pytest.approx(120.0)


def test_gates_are_tables_and_lists_in_the_environment_have_commas(home: Path, work: Path) -> None:
    write_local(work, '[[gates]]\nname = "tests"\ncommand = "make test"\ntimeout = "10m"\nrequired = false')

    settings = loaded(home, work, {"FACTORY_GUARDED_PATHS": "deploy/, Makefile"})

    assert settings.gates == (Gate("tests", "make test", 600.0, required=False),)
    assert settings.guarded_paths == ("deploy/", "Makefile")


def test_settings_travel_to_other_processes(home: Path, work: Path) -> None:
    write_local(work, '[[gates]]\nname = "tests"\ncommand = "make test"')
    settings = loaded(home, work, only="abc")

    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - our own bytes


def test_settings_cannot_be_changed() -> None:
    settings = Settings()

    with pytest.raises(ValueError, match="frozen"):
        settings.max_workers = 3  # type: ignore[misc] # that is what is tried


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cooldown = 60", 'cooldown needs a unit: write it as text, as in "500ms", "60s" or "5m".'),
        ('cooldown = "60"', "cooldown is no duration: write a number and its unit"),
        ('heartbeat = "0s"', "heartbeat should be greater than 0."),
        ("max_workers = -1", "max_workers should be at least 0."),
        ('max_workers = "many"', "max_workers should be a whole number."),
        ('isolation = "total"', "isolation should be 'auto', 'confined' or 'unconfined'."),
        ("max_worker = 3", "max_worker is not a setting; did you mean max_workers?"),
        ("colour = 3", "colour is not a setting; `factory config show` lists those there are."),
        ("[limits]\nmax_workers = 3", "limits is not a setting"),
        ("gates = 3", "gates should be a valid tuple."),
        ('[[gates]]\nname = "x"', "gates[1].command is missing."),
        ('[[gates]]\nname = "x"\ncommand = "y"\ntimeot = "1s"', "gates[1].timeot is not known"),
        ("max_workers =", "is no TOML: "),
    ],
)
def test_a_mistake_in_a_file_is_told_with_the_file_and_the_mend(home: Path, work: Path, text: str, said: str) -> None:
    write_local(work, text)

    sentence = complaint(home, work)

    assert sentence.startswith(str(work / "factory.toml"))
    assert said in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"FACTORY_HEARTBEAT": "5"}, "FACTORY_HEARTBEAT: heartbeat is no duration"),
        ({"FACTORY_HEARTBAET": "5s"}, "FACTORY_HEARTBAET is not a setting; did you mean FACTORY_HEARTBEAT?"),
        ({"MAX_WORKERS": "two"}, "MAX_WORKERS: max_workers should be a whole number."),
        ({"COOLDOWN_SECONDS": "60s"}, "COOLDOWN_SECONDS should be a number of seconds, not '60s'."),
        ({"LOOP_INTERVAL_MS": "5s"}, "LOOP_INTERVAL_MS should be a number of milliseconds, not '5s'."),
        ({"FACTORY_GATES": "[]"}, "FACTORY_GATES: gates can only be written in factory.toml."),
    ],
)
def test_a_mistake_in_the_environment_is_told_with_its_variable(home: Path, work: Path, environ: dict[str, str], said: str) -> None:
    assert said in complaint(home, work, environ)


def test_a_mistake_in_a_flag_is_told_with_the_flag(home: Path, work: Path) -> None:
    assert complaint(home, work, max_worker="3") == ("--set max_worker: it is not a setting; did you mean max_workers?")
    assert complaint(home, work, cooldown="soon").startswith("--set cooldown: cooldown is no duration")


def test_a_complaint_about_the_database_does_not_repeat_its_password(home: Path, work: Path) -> None:
    write_local(work, 'database_url = ["postgresql://me:hunter2@example/x"]')

    assert "hunter2" not in complaint(home, work)
    assert "hunter2" not in repr(Settings(database_url="postgresql://me:hunter2@example/x"))


def test_variables_that_only_share_the_prefix_are_left_alone(home: Path, work: Path) -> None:
    environ = {"FACTORY_DATA": "/x", "FACTORY_RUN": "/y", "FACTORY_SPEC": "/z", "FACTORY_ITEM": "abc"}

    assert loaded(home, work, environ) == Settings()


def test_a_file_that_cannot_be_read_is_told(home: Path, work: Path) -> None:
    (work / "factory.toml").mkdir()

    assert "factory.toml cannot be read: Is a directory." in complaint(home, work)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('[engine_keys]\ngpt = ["X"]', "engine_keys names 'gpt', which is no engine; there are claude, ralph, codex,"),
        ('[engine_keys]\nralph = ["GH_TOKEN"]', "cannot give it to workers: GH_TOKEN reaches remotes, which no worker may."),
        ('[engine_keys]\nralph = ["PGPASSWORD"]', "cannot give it to workers: PGPASSWORD reaches the database, which no worker may."),
        ('[engine_keys]\nralph = ["PATH"]', "cannot give it to workers: PATH is every process's already."),
        ('[engine_keys]\nralph = ["a b"]', "engine_keys.ralph[1] "),
        ('[engine_keys]\nralph = "KEY"', "engine_keys.ralph "),
    ],
)
def test_what_no_worker_may_have_is_no_key_of_an_engine(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "factory.toml").write_text(line)

    with pytest.raises(InvalidInput) as caught:
        load({"HOME": str(tmp_path)}, tmp_path)

    assert said in str(caught.value)


def test_a_variable_that_looks_like_a_setting_and_is_none_is_named() -> None:
    environ = {"FACTORY_TYPO": "1", "FACTORY_MAX_WORKERS": "2", "FACTORY_DATA": "/x", "FACTORY_SPEC": "y", "FACTORY_EMPTY": ""}

    assert ignored(environ, frozenset(Settings.model_fields)) == ["FACTORY_TYPO"]

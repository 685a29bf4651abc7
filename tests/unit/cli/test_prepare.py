"""Commands before there is a factory: what they write, print and leave alone."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.cli.exits import Exit
from factory.paths import fresh_folder

_SECONDS = 60


class Desk:
    """A folder where somebody calls the factory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("FACTORY_")}
        self.environ |= {"FACTORY_DATA": str(self.data), "FACTORY_RUN": str(folder / "run"), "HOME": str(folder)}

    def says(self, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-P", "-m", "factory.cli", *words],
            env={**self.environ, **environ}, cwd=self.folder, capture_output=True, text=True, check=False, timeout=_SECONDS,
        )  # fmt: skip


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = fresh_folder("factory-desk-")
    yield Desk(made)
    subprocess.run(["rm", "-rf", str(made)], check=True, timeout=_SECONDS)


def test_init_writes_a_private_file_and_a_private_key_and_tells_the_next_step(desk: Desk) -> None:
    done = desk.says("init")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Next: factory doctor")
    for made in (desk.folder / "factory.toml", desk.data / "gateway.key"):
        assert made.stat().st_mode & 0o777 == 0o600
    assert desk.says("config", "show").returncode == 0


def test_init_overwrites_nothing(desk: Desk) -> None:
    (desk.folder / "factory.toml").write_text("max_workers = 3\n")
    desk.says("init")
    key = (desk.data / "gateway.key").read_text()

    done = desk.says("init")

    assert done.returncode == 0
    assert done.stderr.count("is there and stays as it is.") == 2
    assert (desk.folder / "factory.toml").read_text() == "max_workers = 3\n"
    assert (desk.data / "gateway.key").read_text() == key


def test_the_settings_are_shown_with_their_origin_and_without_secrets(desk: Desk) -> None:
    (desk.folder / "factory.toml").write_text("max_workers = 3\n")
    url = "postgresql://me:hush@db/factory"

    people = desk.says("config", "show", "--origin", DATABASE_URL=url)
    programs = desk.says("config", "show", "--json", DATABASE_URL=url)

    assert ["max_workers", "3", str(desk.folder / "factory.toml")] in [line.split() for line in people.stdout.splitlines()]
    told = json.loads(programs.stdout)
    assert told["schema"] == "factory.config/1"
    assert told["settings"]["max_workers"] == {"value": 3, "origin": str(desk.folder / "factory.toml"), "live": True}
    assert told["settings"]["database_url"]["value"] == "postgresql://***@db/factory"
    assert "hush" not in people.stdout + programs.stdout


@pytest.mark.parametrize("words", [["config", "show"], ["migrate"], ["up"]], ids=" ".join)
def test_a_mistake_in_a_file_is_one_sentence_with_its_place(desk: Desk, words: list[str]) -> None:
    (desk.folder / "factory.toml").write_text("max_worker = 3\n")

    done = desk.says(*words)

    assert (done.returncode, done.stdout) == (Exit.USAGE, "")
    assert done.stderr == f"factory: {desk.folder / 'factory.toml'}: max_worker is not a setting; did you mean max_workers?\n"
    assert not desk.data.exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(desk: Desk) -> None:
    (desk.folder / "factory.toml").mkdir()

    assert desk.says("init").stderr.startswith(f"{desk.folder / 'factory.toml'} is there and stays")


def test_the_places_are_told(desk: Desk) -> None:
    told = json.loads(desk.says("info", "--json").stdout)

    assert (told["schema"], told["data"], told["pid"]) == ("factory.info/1", str(desk.data), None)
    assert f"data         {desk.data}" in desk.says("info").stdout
    assert not desk.data.exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_completion(desk: Desk, shell: str) -> None:
    done = desk.says("completion", shell)

    assert done.returncode == 0
    assert "_FACTORY_COMPLETE" in done.stdout


def test_the_completion_knows_the_commands(desk: Desk) -> None:
    done = desk.says(_FACTORY_COMPLETE="complete_bash", COMP_WORDS="factory dr", COMP_CWORD="1")

    assert "drain" in done.stdout.split()


def test_an_unknown_shell_is_wrong_use(desk: Desk) -> None:
    assert desk.says("completion", "tcsh").returncode == Exit.USAGE

"""Deployment is described as it is: commands, settings and files that are named exist."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from factory.cli.app import app
from factory.config import Settings
from tests.architecture.sources import ROOT

_DOCS = (ROOT / "docs" / "deploy.md").read_text("utf-8")


def test_the_commands_that_the_page_names_exist() -> None:
    there = set(typer.main.get_group(app).commands)
    named = set(re.findall(r"(?:^|&& |secrets |factory |FACTORY_DATA=\S+ )factory ([a-z][a-z-]*)\b", _code(), re.MULTILINE))

    assert len(named) > 5
    assert named - there == set()


def test_the_settings_that_the_page_names_exist() -> None:
    named = set(re.findall(r"`([a-z]+_[a-z_]+)[` ]", _DOCS)) | {"listen"}

    assert len(named) > 3
    assert named - Settings.model_fields.keys() == set()


@pytest.mark.parametrize("name", ["compose.yaml", "compose.docker.yaml", "deploy/with-secrets", "Dockerfile"])
def test_the_files_for_it_are_there(name: str) -> None:
    assert (ROOT / name).is_file()


@pytest.mark.parametrize("files", [("compose.yaml",), ("compose.yaml", "compose.docker.yaml")])
def test_compose_understands_its_files(files: tuple[str, ...]) -> None:
    command = _compose()
    if command is None or (command == ["docker-compose"] and len(files) > 1):
        pytest.skip("docker compose is not installed here, or is the first version, which overrides nothing")
    chosen = [word for name in files for word in ("-f", name)]
    done = subprocess.run([*command, *chosen, "config", "--quiet"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stderr


def _compose() -> list[str] | None:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and not subprocess.run([*command, "version"], capture_output=True, check=False, timeout=60).returncode:
            return command
    return None


def test_the_image_copies_what_exists_and_is_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8")
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    copied = [word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]]

    for each in (word for word in copied if not word.startswith("--")):
        # A pattern stands for what need not be there.
        assert "*" in each or (ROOT / each).exists(), each
        assert f"!{each.rstrip('/*')}\n" in ignored or each.startswith("requirements"), each


def test_the_unit_runs_this_installation_s_program() -> None:
    done = subprocess.run([sys.executable, "-m", "factory.cli", "service"], capture_output=True, text=True, check=True, timeout=60)
    unit = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line and not line.startswith("#"))
    program, word = unit["ExecStart"].rsplit(" ", 1)

    assert (unit["Type"], word) == ("notify", "up")
    assert Path(program).is_file()
    assert "up" in typer.main.get_group(app).commands


def _code() -> str:
    blocks = re.findall(r"```sh\n(.*?)```", _DOCS, re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`(factory [^`\n]+)`", _DOCS)])

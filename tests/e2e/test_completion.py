"""Completion in the shells themselves, installed as the help of `factory completion` says, from the first press of Tab on."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.paths import fresh_folder
from tests.e2e.command_line import SECONDS
from tests.e2e.terminal import needs_tmux, terminal

pytestmark = needs_tmux

_BASH = "PS1='ready> '\nsource {folder}/factory.bash\n"
_ZSH = "PS1='ready> '\nfpath=({folder}/zfunc $fpath)\nautoload -Uz compinit\ncompinit -u -D\n"
_FISH = "function fish_prompt\n  printf 'ready> '\nend\nsource {folder}/factory.fish\n"
SHELLS = {
    "bash": (_BASH, "rc", "factory.bash", ["bash", "--noprofile", "--rcfile", "{folder}/rc", "-i"]),
    # `-d`: no files of the machine, which may bring a completion system of their own.
    "zsh": (_ZSH, ".zshrc", "zfunc/_factory", ["zsh", "-d", "-i"]),
    "fish": (_FISH, "rc", "factory.fish", ["fish", "--no-config", "-i", "--init-command", "source {folder}/rc"]),
}


@pytest.fixture
def folder() -> Iterator[Path]:
    made = fresh_folder("fs-")
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_first_tab_completes_a_command_and_the_next_an_option(folder: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    lines, file, place, command = SHELLS[shell]
    (folder / "zfunc").mkdir()
    (folder / file).write_text(lines.format(folder=folder))
    (folder / "factory").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m factory.cli "$@"\n')
    (folder / "factory").chmod(0o755)
    with (folder / place).open("w") as script:
        subprocess.run([folder / "factory", "completion", shell], stdout=script, check=True, timeout=SECONDS)
    environ = {**os.environ, "HOME": str(folder), "ZDOTDIR": str(folder), "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}

    with terminal(folder, [word.format(folder=folder) for word in command], environ) as shown:
        shown.sees("ready>", seconds=SECONDS)
        shown.types("factory dra\t")
        shown.sees("factory drain", seconds=SECONDS)
        shown.types(" --wa\t")
        shown.sees(" --wait", seconds=SECONDS)

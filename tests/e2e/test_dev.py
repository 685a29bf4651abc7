"""`factory dev`: a GitHub of one's own as a person at a terminal has it."""

import ctypes
import json
import os
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from factory.cli.app import app
from factory.cli.exits import Exit, code_of
from factory.errors import FactoryError
from tests.repositories import Tree, git

_SECONDS = 60
_DEMO_SECONDS = 110
_TGKILL = {"x86_64": 234, "aarch64": 131}
_FACTORY = [sys.executable, "-P", "-m", "factory.cli"]


@dataclass
class Terminal:
    """The process that serves, and the environment that what it printed makes."""

    process: subprocess.Popen[str]
    environ: dict[str, str]
    clone: str

    def refused(self, *words: str, **environ: str) -> tuple[int, str]:
        """The exit code and the sentence."""
        done = CliRunner().invoke(app, ["dev", "issue", *words], env={**self.environ, **environ})
        assert isinstance(done.exception, FactoryError), done.output
        return code_of(done.exception), str(done.exception)

    def says(self, *words: str) -> str:
        """In this process: starting another one for each word would take longer than all that they do."""
        done = CliRunner().invoke(app, ["dev", "issue", *words], env=self.environ)
        assert done.exit_code == 0, done.output
        return str(done.stdout).strip()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    environ = {**os.environ, "TMPDIR": str(tmp_path), "NO_COLOR": "1"}
    command = [*_FACTORY, "dev", "github", "--folder", str(tmp_path / "own")]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    exported, clone = process.stdout.readline(), process.stdout.readline()
    environ |= dict(re.findall(r"(\w+)=(\S+)", exported))
    yield Terminal(process, environ, clone.split()[-1])
    process.kill()
    process.wait(_SECONDS)
    process.stdout.close()


def test_an_issue_becomes_a_merged_pull_request_by_what_is_printed(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal.says("new", "Say hello", "--body", "On start.", "--label", "ai-factory") == "1"
    terminal.says("comment", "1", "In which language?")
    terminal.says("unlabel", "1", "ai-factory")
    terminal.says("label", "1", "later")
    git(tmp_path, "clone", "--quiet", terminal.clone, str(tmp_path / "clone"))
    Tree(tmp_path / "clone").commit({"hello.txt": "hello\n"})
    git(tmp_path / "clone", "push", "--quiet", "origin", "HEAD:refs/heads/hello")

    assert terminal.refused("merge", "1")[0] == Exit.NOT_FOUND
    opened(terminal)
    terminal.says("check", "2", "failure", "No greeting.")
    terminal.says("review", "2", "request-changes", "Greet!")
    terminal.says("check", "2")
    terminal.says("review", "2", "approve")
    sha = terminal.says("merge", "2")

    git(tmp_path / "clone", "pull", "--quiet", "origin", "main")
    assert git(tmp_path / "clone", "rev-parse", "HEAD") == sha
    rows = [line.split() for line in terminal.says("list").splitlines()[1:]]
    assert [row[:3] for row in rows] == [["2", "pull", "merged"], ["1", "issue", "closed"]]
    shown = json.loads(terminal.says("show", "1", "--json"))
    assert ([one["name"] for one in shown["issue"]["labels"]], shown["comments"][0]["body"]) == (["later"], "In which language?")


def opened(terminal: Terminal) -> None:
    """By the bot, as the factory does it."""
    from factory.standin.client import ask

    given = {"head": "hello", "base": "main", "title": "Hello", "body": "Closes #1"}
    ask(terminal.environ["GITHUB_API_URL"], terminal.environ["GITHUB_TOKEN"], "POST", "/repos/acme/sample/pulls", given)


def test_wrong_use_is_told_in_a_sentence(terminal: Terminal) -> None:
    cases = {
        ("label", "7", "x"): (Exit.NOT_FOUND, "acme/sample#7 is not there"),
        ("list", "--repo", "nobody"): (Exit.USAGE, "a repository is named by its owner and its name"),
        ("list", "--repo", "acme/none"): (Exit.NOT_FOUND, "acme/none is not there"),
        ("list", "--api", "https://api.github.com"): (Exit.USAGE, "this plays people on a GitHub of your own"),
        ("list", "--api", "http://127.0.0.1:1"): (Exit.UNREACHABLE, "Nothing answers at http://127.0.0.1:1"),
        ("new", "x", "--file", "/nowhere"): (Exit.USAGE, "it cannot be read"),
    }

    told = {words: terminal.refused(*words) for words in cases}

    assert {words: code for words, (code, _) in told.items()} == {words: code for words, (code, _) in cases.items()}
    assert [told[words] for words, (_, sentence) in cases.items() if sentence not in told[words][1]] == []
    code, sentence = terminal.refused("list", GITHUB_TOKEN="ghp_of_somebody_else")
    assert (code, "does not know GITHUB_TOKEN" in sentence) == (Exit.REFUSED, True)
    assert "GITHUB_API_URL is not set" in terminal.refused("list", GITHUB_API_URL="")[1]


def test_neither_its_port_nor_its_folder_is_taken_a_second_time(terminal: Terminal, tmp_path: Path) -> None:
    port = terminal.environ["GITHUB_API_URL"].rpartition(":")[2]
    cases = {("--port", port): "nothing can listen there", ("--folder", str(tmp_path / "own")): "another `factory dev github` serves it"}

    for words, sentence in cases.items():
        command = [*_FACTORY, "dev", "github", *words]
        done = subprocess.run(command, env=terminal.environ, capture_output=True, text=True, check=False, timeout=_SECONDS)
        assert (done.returncode, done.stdout) == (Exit.USAGE, ""), done.stderr
        assert sentence in done.stderr


@pytest.mark.parametrize(("ending", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_what_it_made_for_itself_is_gone_with_it(tmp_path: Path, ending: signal.Signals, code: int) -> None:
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen([*_FACTORY, "dev", "github"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    process.stdout.readline()

    process.send_signal(ending)

    assert process.wait(_SECONDS) == code
    process.stdout.close()
    assert list(tmp_path.glob("factory-github-*")) == []


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in _TGKILL, reason="only Linux lets one choose the thread that is given a signal"
)
def test_a_ctrl_c_that_wakes_nobody_is_heard_all_the_same(tmp_path: Path) -> None:
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen([*_FACTORY, "dev", "github"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr as told:
        next(line for line in told if "factory dev issue list" in line)
        other = next(int(each.name) for each in Path(f"/proc/{process.pid}/task").iterdir() if int(each.name) != process.pid)

        assert ctypes.CDLL(None).syscall(_TGKILL[platform.machine()], process.pid, other, signal.SIGINT) == 0

        assert process.wait(_SECONDS) == 0


@pytest.mark.slow
def test_the_demo_leads_from_a_label_to_a_merged_pull_request(tmp_path: Path) -> None:
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run([*_FACTORY, "dev", "demo"], env=environ, capture_output=True, text=True, check=False, timeout=_DEMO_SECONDS)

    assert done.returncode == 0, done.stderr
    said = done.stdout
    steps = [
        "ada puts the label",
        "has taken this up",
        "opens a pull request",
        "a check fails",
        "mends it",
        "and merges",
        "is done",
    ]
    assert sorted(steps, key=said.index) == steps
    assert said.splitlines()[-1] == "#1  is closed, with the label ai-factory-done"
    assert list(tmp_path.glob("factory-demo-*")) == []

"""What holds for every agent of the table: one suite over captured output.

The runs that went well and those without a login are as the programs printed them against a scripted model (codex 0.169,
gemini 0.61, opencode 1.18); the limits and outages are the same errors with other words of the provider in them,
written by hand, as is all of `ralph`.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

from factory.domain.engine_keys import KEYS
from tests.integration.worker_agent.workshop import SystemClock
from worker_agent.engines import EngineProblem, make_engine
from worker_agent.engines.base import Order, Reading
from worker_agent.engines.spoken import SpokenRun
from worker_agent.engines.table import TABLE
from worker_agent.folders import Folders
from worker_agent.processes import Finished

CAPTURED = Path(__file__).parents[1] / "data" / "engines"
TALKERS = ["codex", "gemini", "opencode"]
TOKENS = {"codex": 300, "gemini": 150, "opencode": 300, "ralph": 150}
NOISE = (
    b'warning: no colours here\n{"type": 7}\n[1, 2]\n{"type": "something.new", "error": {"message": "401"}}\n\xff\xfe\n{"type": "result"'
)


@dataclass
class Bench:
    """A worker's folder with all programs of the table on its PATH; none of them is ever run."""

    root: Path

    def __post_init__(self) -> None:
        self.folders = Folders(self.root / "W")
        self.folders.inbox.mkdir(parents=True)
        self.folders.make()
        self.programs = self.root / "bin"
        self.programs.mkdir()
        for name in TABLE:
            (self.programs / name).write_text("#!/bin/sh\n")
            (self.programs / name).chmod(0o755)

    def order(self, path: str | None = None) -> Order:
        repo = self.folders.repo
        environment = {"PATH": path or str(self.programs), "HOME": str(self.folders.home)}
        return Order(repo, environment, repo / "SPEC.md", repo / ".ai", self.folders, 1, SystemClock())

    def run(self, engine: str) -> SpokenRun:
        run = make_engine(engine).begin(self.order())
        assert isinstance(run, SpokenRun)
        return run


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def finished(code: int = 0, *, timed_out: bool = False, output: str = "") -> Finished:
    return Finished(code, timed_out, 1.0, output)


def reading(run: SpokenRun, output: bytes, code: int = 0, *, timed_out: bool = False, piece: int = 7) -> Reading:
    for start in range(0, len(output), piece):
        run.hear(output[start : start + piece])
    return run.read(finished(code, timed_out=timed_out))


def captured(name: str, how: str) -> bytes:
    return (CAPTURED / f"{name}_{how}.txt").read_bytes()


# -- every engine ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLE)
def test_a_run_that_went_well_did(bench: Bench, name: str) -> None:
    read = reading(bench.run(name), captured(name, "well"))

    assert (read.succeeded, read.outcome, read.error) == (True, None, None)
    assert read.tokens == TOKENS[name]
    assert read.facts["engine"] == name


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("piece", [1, 64, 10**6])
def test_the_size_of_the_pieces_changes_nothing(bench: Bench, name: str, piece: int) -> None:
    assert reading(bench.run(name), captured(name, "well"), piece=piece).tokens == TOKENS[name]


@pytest.mark.parametrize("name", TABLE)
def test_tokens_are_told_while_it_runs(bench: Bench, name: str) -> None:
    run = bench.run(name)

    heard = run.hear(captured(name, "well"))

    assert heard.moved
    assert run.tokens == TOKENS[name]


@pytest.mark.parametrize("name", TABLE)
def test_what_is_not_understood_is_skipped(bench: Bench, name: str) -> None:
    read = reading(bench.run(name), NOISE + b"\n" + captured(name, "well") + NOISE)

    assert (read.succeeded, read.tokens) == (True, TOKENS[name])


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize(("code", "timed_out"), [(1, False), (-9, False), (143, False), (0, True)])
def test_a_status_other_than_zero_and_a_timeout_are_no_success_and_nobodys_limit(
    bench: Bench, name: str, code: int, timed_out: bool
) -> None:
    read = reading(bench.run(name), captured(name, "well"), code, timed_out=timed_out)

    assert (read.succeeded, read.outcome) == (False, None)
    assert read.tokens == TOKENS[name], "they are used all the same"


@pytest.mark.parametrize("name", TABLE)
def test_an_agent_that_is_not_installed_is_for_a_person_in_one_sentence(bench: Bench, name: str) -> None:
    with pytest.raises(EngineProblem, match=rf"^The engine {name} is not installed: there is no '{name}' on the worker's PATH\.$"):
        make_engine(name).begin(bench.order(path="/nowhere"))


@pytest.mark.parametrize("name", TABLE)
def test_words_after_the_colon_are_added_to_the_command_line(bench: Bench, name: str) -> None:
    plain, more = bench.run(name).argv, bench.run(f"{name}:-m 'a b' --fast").argv

    assert plain[0] == str(bench.programs / name)
    assert [word for word in more if word not in plain] == ["-m", "a b", "--fast"]
    assert any("SPEC.md" in word for word in plain)


@pytest.mark.parametrize("engine", [*TABLE, "command:sh"])
def test_what_the_host_gave_reaches_the_program_and_takes_nothing_of_the_workers_own(bench: Bench, engine: str) -> None:
    (bench.programs / "sh").symlink_to("/bin/sh")
    (bench.folders.inbox / "credential.json").write_text('{"SOME_KEY": "s3cret-of-a-test", "SOME_BASE_URL": "http://x", "HOME": "/evil"}')

    run = make_engine(engine).begin(bench.order())

    assert (run.environment["SOME_KEY"], run.environment["SOME_BASE_URL"]) == ("s3cret-of-a-test", "http://x")
    assert run.environment["HOME"] == str(bench.folders.home)
    assert run.secrets == ("s3cret-of-a-test",)


@pytest.mark.parametrize("engine", [*TABLE, "command:sh"])
def test_a_credential_that_cannot_be_read_is_a_persons_problem_and_not_quoted(bench: Bench, engine: str) -> None:
    (bench.programs / "sh").symlink_to("/bin/sh")
    (bench.folders.inbox / "credential.json").write_text('{"SOME_KEY": s3cret')

    with pytest.raises(EngineProblem, match="credential cannot be read") as caught:
        make_engine(engine).begin(bench.order())

    assert "s3cret" not in str(caught.value)


def test_every_engine_of_the_table_has_its_keys_named() -> None:
    assert TABLE.keys() | {"claude", "command"} == KEYS.keys()


def test_words_that_cannot_be_split_and_unknown_names_are_refused_with_the_names_there_are() -> None:
    with pytest.raises(EngineProblem, match="cannot be split"):
        make_engine("codex:'")
    with pytest.raises(EngineProblem, match=r"there are claude, ralph, codex, gemini, opencode and command:PROGRAM\.$"):
        make_engine("nosuch")


# -- those that speak in events ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TALKERS)
@pytest.mark.parametrize(
    ("how", "failure", "holds"), [("no_login", "auth", "login"), ("limit", "quota", "account"), ("outage", "infra", "")]
)
def test_what_is_not_the_agents_fault_burns_no_attempt(bench: Bench, name: str, how: str, failure: str, holds: str) -> None:
    read = reading(bench.run(name), captured(name, how), code=1)

    assert read.outcome is not None
    assert (read.succeeded, read.outcome.failure, read.outcome.holds) == (False, failure, holds)
    assert read.outcome.reason.startswith(f"The engine {name} says: ")


@pytest.mark.parametrize("name", TALKERS)
def test_an_error_makes_a_status_of_zero_no_success(bench: Bench, name: str) -> None:
    assert not reading(bench.run(name), captured(name, "outage"), code=0).succeeded


@pytest.mark.parametrize("name", TALKERS)
def test_a_run_that_breaks_off_with_status_zero_is_no_success(bench: Bench, name: str) -> None:
    begun = b"\n".join(captured(name, "well").splitlines()[:-1])

    read = reading(bench.run(name), begun)

    assert not read.succeeded
    assert read.error == f"{name} ended without saying that its turn is over."


def test_a_retry_that_worked_is_forgotten(bench: Bench) -> None:
    retried = b'{"type":"error","message":"Reconnecting... 1/5 (unexpected status 503)"}\n'

    assert reading(bench.run("codex"), retried + captured("codex", "well")).succeeded


def test_what_a_tool_or_the_model_says_decides_nothing(bench: Bench) -> None:
    lies = (
        b'{"type":"item.completed","item":{"type":"agent_message","text":"401 Unauthorized: usage limit"}}\n'
        b'{"type":"tool_use","part":{"state":{"output":"{\\"type\\":\\"error\\",\\"message\\":\\"429\\"}"}}}\n'
        b'{"type":"message","role":"assistant","content":"Error 503"}\n'
    )

    for name in TALKERS:
        assert reading(bench.run(name), lies + captured(name, "well")).succeeded


def test_gemini_says_by_its_status_that_it_is_not_logged_in(bench: Bench) -> None:
    read = reading(bench.run("gemini"), b"Invalid auth method selected.\n", code=41)

    assert read.outcome is not None
    assert (read.outcome.failure, read.outcome.holds) == ("auth", "login")
    assert "it takes GEMINI_API_KEY" in read.outcome.reason


# -- ralph -------------------------------------------------------------------------------------------------------------


def test_ralph_is_called_with_the_spec_and_its_lines_are_counted(bench: Bench) -> None:
    run = bench.run("ralph:--max 3")

    read = reading(run, captured("ralph", "well"))

    assert run.argv[1:] == ("run", "--headless", "--spec", "SPEC.md", "--max", "3")
    assert read.facts == {"engine": "ralph", "engine_iterations": 2, "edits": 3}


@pytest.mark.parametrize(
    ("output", "tokens"),
    [
        (b"tokens: 100\ntokens: 250\n", 250),
        (b"tokens: 100\ntokens: 40\n", 140),
        (b"tokens: many\ntokens: -1\nmy tokens: 9\n", 0),
        (b"tokens: 9", 9),
        (b"tokens: 5\r\n", 5),
        (b"tokens: " + b"9" * 40 + b"\n", 0),
    ],
    ids=["counted up", "begun anew", "no numbers", "no line end", "another line end", "too large"],
)
def test_ralphs_tokens_count_up_and_may_begin_anew(bench: Bench, output: bytes, tokens: int) -> None:
    assert reading(bench.run("ralph"), output).tokens == tokens


def test_ralphs_status_is_its_word() -> None:
    assert not TABLE["ralph"].says_its_end

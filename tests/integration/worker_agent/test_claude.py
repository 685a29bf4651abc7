"""The real Claude Code in a worker's folder, against a scripted model: what each end means for the attempt."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from factory.protocol.worker import EngineOptions, Lock, LockAnswer
from tests import scripted_model as model
from tests.claude_code import claude_binary
from tests.integration.worker_agent.workshop import Workshop, make_workshop
from tests.scripted_model import Script, Session, scripted
from worker_agent.attempt import Ending
from worker_agent.lock_desk import LockDesk
from worker_agent.lock_paths import Ground
from worker_agent.lock_server import LockServer, socket_path
from worker_agent.loop import run_attempt
from worker_agent.outcome import Failed, Finished, Stuck
from worker_agent.workspace import Workspace

KEY = {"ANTHROPIC_API_KEY": "sk-ant-api03-pretended-key"}
TOKEN = {"CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat01-pretended-token"}


class Bench:
    """A workshop with Claude Code in it."""

    def __init__(self, workshop: Workshop, stack: ExitStack) -> None:
        self.workshop = workshop
        self._stack = stack
        self.binary = claude_binary()
        self.script: Script | None = None

    def run(
        self, *sessions: Session, login: dict[str, str] = KEY, locked: dict[str, str] | None = None, binary: str = "", **more: Any
    ) -> Ending:
        """An attempt with one list of answers for each iteration. `locked`: file → who holds it; `binary`: instead of the real one."""
        server, self.script = self._stack.enter_context(scripted(*sessions))
        inbox = self.workshop.site.folders.inbox / "credential.json"
        inbox.write_text(json.dumps({**login, "ANTHROPIC_BASE_URL": server.url}))
        assign = self.workshop.assign(f"claude:{binary or self.binary}", **{"spec": model.SPEC, **more})
        return run_attempt(assign, self.workshop.site, ready=lambda workspace: self._serve_locks(workspace, locked or {}))

    def _serve_locks(self, workspace: Workspace, locked: dict[str, str]) -> None:
        folders = self.workshop.site.folders
        desk = LockDesk(lambda lock: desk.answered(_answer(lock, locked)))
        server = LockServer(socket_path(folders), Ground(workspace.repo, (workspace.spec, workspace.notes, folders.home)), desk)
        server.start()
        self._stack.callback(server.close)

    @property
    def iterations(self) -> list[dict[str, Any]]:
        events = self.workshop.contact.events
        return [data for kind, data in events if kind in {"ATTEMPT.ITERATION.SUCCESS", "ATTEMPT.ITERATION.FAILED"}]

    @property
    def log(self) -> str:
        return self.workshop.contact.logs.get("agent", b"").decode()


def _answer(lock: Lock, locked: dict[str, str]) -> LockAnswer:
    holders = tuple(f"{file}: {locked[file]}" for file in lock.files if file in locked)
    return LockAnswer(lock.id, granted=not holders, holders=holders)


@pytest.fixture
def bench(workshop: Workshop) -> Iterator["Bench"]:
    with ExitStack() as stack:
        yield Bench(workshop, stack)


def failed(ending: Ending) -> Failed:
    assert isinstance(ending.outcome, Failed), ending
    return ending.outcome


# -- the good end -----------------------------------------------------------------------------------------------------


def test_three_tasks_take_three_iterations_and_three_commits(bench: Bench) -> None:
    ending = bench.run(model.one_task(1), model.one_task(2), model.one_task(3))

    assert isinstance(ending.outcome, Finished), (ending, bench.log)
    assert ending.iterations == 3
    assert ending.tokens == 3 * 4 * 150
    subjects = bench.workshop.git("log", "--format=%s", "--reverse", f"{bench.workshop.base}..HEAD").splitlines()
    assert subjects == ["task 1", "task 2", "task 3"]
    assert "Co-Authored-By" not in bench.workshop.git("log", "--format=%b")
    assert [each["model"] != "" for each in bench.iterations] == [True] * 3
    assert all(str(each["claude_code_version"]).count(".") == 2 for each in bench.iterations)


def test_each_iteration_is_a_session_of_its_own_with_the_files_in_its_prompt(bench: Bench) -> None:
    bench.run(model.one_task(1), model.one_task(2), spec="# Two\n\n- [ ] task 1\n- [ ] task 2\n")

    assert bench.script is not None
    first = [asked for asked in bench.script.asked if asked.turns == 0]
    assert len({asked.session for asked in first}) == 2
    for asked in first:
        prompt, system = str(asked.body["messages"]), str(asked.body["system"])
        assert str(bench.workshop.repo / "SPEC.md") in prompt
        assert "You work alone and unattended" in system


def test_the_log_has_a_line_for_each_step_and_the_transcript_all_of_it(bench: Bench) -> None:
    bench.run(model.one_task(1), spec="- [ ] task 1\n")

    for words in ("claude 2.", "> Write ", "> Bash git add -A", "> Edit ", "All done.", "result: success"):
        assert words in bench.log
    lines = (bench.workshop.site.folders.out / "transcript-1.jsonl").read_text().splitlines()
    kinds = [json.loads(line)["type"] for line in lines]
    assert (kinds[-1], "assistant" in kinds, "user" in kinds) == ("result", True, True)


def test_a_line_of_a_megabyte_is_read(bench: Bench) -> None:
    big = model.write("big.txt", "x" * 1_000_000)

    ending = bench.run((big, model.commit("big"), model.tick(1), model.DONE), spec="- [ ] task 1\n")

    assert isinstance(ending.outcome, Finished), (ending, bench.log)
    assert len(bench.log) < 10_000


def test_the_credential_reaches_the_model_and_nothing_else(bench: Bench) -> None:
    bench.run((model.bash("env | grep KEY; echo"), model.DONE), spec="- [ ] task 1\n", max_iterations=1)

    assert bench.script is not None
    assert bench.script.asked[0].headers["x-api-key"] == KEY["ANTHROPIC_API_KEY"]
    transcript = (bench.workshop.site.folders.out / "transcript-1.jsonl").read_text()
    assert KEY["ANTHROPIC_API_KEY"] not in bench.log + transcript + str(bench.workshop.contact.events)
    assert "[hidden]" in transcript


def test_servers_and_options_come_from_outside_the_clone(bench: Bench) -> None:
    options = EngineOptions(model="claude-haiku-5-5", effort="low", mcp={"docs": {"command": "/no/such/server", "args": []}})

    bench.run((model.DONE,), spec="- [ ] task 1\n", max_iterations=1, options=options)

    init = next(
        event
        for line in (bench.workshop.site.folders.out / "transcript-1.jsonl").read_text().splitlines()
        if (event := json.loads(line)).get("subtype") == "init"
    )
    assert init["model"] == "claude-haiku-5-5"
    assert [server["name"] for server in init["mcp_servers"]] == ["docs"]
    assert bench.workshop.git("status", "--porcelain") == ""


# -- locks ------------------------------------------------------------------------------------------------------------


def test_a_locked_file_stays_as_it_is_and_the_agent_is_told_who_holds_it(bench: Bench) -> None:
    steps = (model.write("README.md", "mine\n"), *model.one_task(1))

    ending = bench.run(steps, spec="- [ ] task 1\n", locked={"README.md": "item-7"})

    assert isinstance(ending.outcome, Finished), (ending, bench.log)
    assert (bench.workshop.repo / "README.md").read_text() == "hello\n"
    assert "item-7" in bench.log


def test_a_repository_that_switches_hooks_off_does_not_switch_off_the_lock_hook(tmp_path: Path) -> None:
    workshop = make_workshop(tmp_path, {".claude/settings.json": '{"disableAllHooks": true}'})
    with ExitStack() as stack:
        bench = Bench(workshop, stack)
        bench.run((model.write("README.md", "mine\n"), model.DONE), max_iterations=1, locked={"README.md": "item-7"})

    assert (workshop.repo / "README.md").read_text() == "hello\n"
    assert "item-7" in bench.log


# -- what is not the item's fault -------------------------------------------------------------------------------------


def test_a_subscriptions_limit_parks_until_it_opens(bench: Bench) -> None:
    outcome = failed(bench.run((model.usage_limit(),), login=TOKEN))

    assert (outcome.failure, outcome.holds) == ("quota", "account")
    assert model.RESET_SECONDS - 120 < outcome.retry_after < model.RESET_SECONDS + 120
    assert "five_hour" in outcome.reason


@pytest.mark.parametrize("login", [KEY, TOKEN], ids=["key", "token"])
@pytest.mark.parametrize("refusal", [model.THROTTLE, model.OVERLOADED, model.SERVER_ERROR], ids=["throttle", "overload", "5xx"])
def test_a_throttle_and_an_overload_back_off_and_hold_nobody(bench: Bench, refusal: model.Refuse, login: dict[str, str]) -> None:
    outcome = failed(bench.run((refusal,), login=login))

    assert (outcome.failure, outcome.holds, outcome.retry_after > 0) == ("infra", "", True)


@pytest.mark.parametrize("login", [KEY, TOKEN], ids=["key", "token"])
def test_a_login_that_does_not_work_stops_at_the_first_refusal(bench: Bench, login: dict[str, str]) -> None:
    outcome = failed(bench.run((model.UNAUTHORIZED,), login=login))

    assert (outcome.failure, outcome.holds) == ("auth", "login")
    assert "claude setup-token" in outcome.reason
    assert bench.script is not None
    assert len(bench.script.asked) <= 2, "the program tries three times where nobody ends it"


def test_an_account_without_credits_waits_for_a_person(bench: Bench) -> None:
    outcome = failed(bench.run((model.NO_CREDITS,)))

    assert (outcome.failure, outcome.holds) == ("quota", "credits")


def test_a_model_that_is_not_there_waits_for_a_person(bench: Bench) -> None:
    assert failed(bench.run((model.NO_MODEL,))).failure == "policy"


def test_work_that_was_finished_before_the_limit_is_delivered(bench: Bench) -> None:
    steps = (*model.one_task(1)[:-1], model.usage_limit())

    ending = bench.run(steps, login=TOKEN, spec="- [ ] task 1\n")

    assert isinstance(ending.outcome, Finished), ending


# -- errors of an iteration -------------------------------------------------------------------------------------------


def test_a_context_that_became_too_long_is_tried_afresh(bench: Bench) -> None:
    ending = bench.run((model.TOO_LONG,), model.one_task(1), spec="- [ ] task 1\n")

    assert isinstance(ending.outcome, Finished), ending
    assert bench.iterations[0]["error"] == "The context became too long."


def test_the_same_context_error_again_and_again_is_stuck(bench: Bench) -> None:
    ending = bench.run((model.TOO_LONG,), stuck_after=2)

    assert isinstance(ending.outcome, Stuck), ending
    assert ending.iterations == 2


def test_the_end_of_the_turns_is_no_error_where_there_was_progress(bench: Bench) -> None:
    options = EngineOptions(arguments=("--max-turns", "3"))

    ending = bench.run(*map(model.one_task, (1, 2, 3)), options=options, stuck_after=2)

    assert isinstance(ending.outcome, Finished), (ending, bench.log)
    assert [each["terminal_reason"] for each in bench.iterations] == ["max_turns"] * 3


def test_a_denied_tool_is_named(tmp_path: Path) -> None:
    workshop = make_workshop(tmp_path, {".claude/settings.json": '{"permissions": {"deny": ["Bash(touch *)"]}}'})
    with ExitStack() as stack:
        bench = Bench(workshop, stack)
        bench.run((model.bash("touch it"), model.DONE), max_iterations=1)

    assert bench.iterations[0]["error"] == "It was denied these tools: Bash."


@pytest.mark.parametrize(
    "session",
    [(replace(model.write("task-1.txt", "1"), cut=True), *model.one_task(1)[1:]), (model.Say("half an answer", cut=True),)],
    ids=["in a call", "in a text"],
)
def test_a_stream_that_breaks_off_is_not_the_end_of_the_work(bench: Bench, session: Session) -> None:
    ending = bench.run(session, model.one_task(1), spec="- [ ] task 1\n")

    # Whether it asks anew by itself, or ends and is started again, or gives up on a line that breaks, is a matter of how the pieces
    # fell. Never is half an answer taken for a whole one, and never for the agent's fault.
    outcome = ending.outcome
    assert isinstance(outcome, Finished) or (isinstance(outcome, Failed) and outcome.failure == "infra"), (ending, bench.log)


# -- programs that do not end as they should --------------------------------------------------------------------------


def wrapped(bench: Bench, body: str) -> str:
    """A program in the place of Claude Code, which knows the real one as $CLAUDE."""
    path = bench.workshop.root / "claude"
    path.write_text(f"#!/bin/sh\nCLAUDE={bench.binary}\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_a_program_that_lives_on_after_its_result_is_ended_and_its_work_counts(bench: Bench) -> None:
    binary = wrapped(bench, '"$CLAUDE" "$@"; exec sleep 600')

    ending = bench.run(model.one_task(1), spec="- [ ] task 1\n", binary=binary, options=EngineOptions(silence=15.0))

    assert isinstance(ending.outcome, Finished), (ending, bench.log)
    assert bench.iterations[0]["ended_because"] == "lived on"


def test_a_program_that_hangs_after_a_tools_result_is_ended(bench: Bench) -> None:
    never = threading.Event()
    steps = (model.bash("echo done"), model.Say("too late", held=never))

    ending = bench.run(steps, max_iterations=1, options=EngineOptions(silence=15.0))
    never.set()

    assert failed(ending).failure == "agent"
    assert bench.iterations[0]["ended_because"] == "hung after a tool"


def test_a_program_that_says_nothing_is_ended(bench: Bench) -> None:
    ending = bench.run((model.DONE,), max_iterations=1, binary=wrapped(bench, "exec sleep 600"), options=EngineOptions(silence=1.0))

    assert failed(ending).failure == "agent"
    assert str(bench.iterations[0]["error"]).startswith("no events")


def test_a_program_that_is_too_slow_is_ended_at_the_wall_clock(bench: Bench) -> None:
    never = threading.Event()

    bench.run((model.Say("too late", held=never),), max_iterations=1, iteration_timeout=4.0)
    never.set()

    assert bench.iterations[0]["timed_out"] is True
    assert "was ended after 4 seconds" in str(bench.iterations[0]["error"])


def test_a_crash_is_an_error_with_its_last_words(bench: Bench) -> None:
    binary = wrapped(bench, "echo Segmentation fault; kill -9 $$")

    bench.run((model.DONE,), max_iterations=1, binary=binary)

    assert bench.iterations[0]["error"] == "It ended with status -9 and without a result. Its last words: Segmentation fault"


def test_what_the_agent_left_running_is_gone_after_the_iteration(bench: Bench) -> None:
    mark = f"600.{int(time.monotonic() * 1000)}"

    bench.run((model.bash(f"setsid nohup sleep {mark} >/dev/null 2>&1 &"), model.DONE), max_iterations=1)

    assert [process.pid for process in psutil.process_iter() if _runs(process, mark)] == []


def _runs(process: psutil.Process, word: str) -> bool:
    with suppress(psutil.Error):
        return word in process.cmdline()
    return False


def test_without_a_program_the_sentence_says_what_to_do(bench: Bench) -> None:
    outcome = failed(bench.run((model.DONE,), binary="/no/such/claude"))

    assert outcome.failure == "policy"
    assert "claude_bin" in outcome.reason

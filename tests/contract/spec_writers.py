"""Each writer of specs with what its contract suite needs: a way to have it say something."""

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factory.domain.spec_draft import Issue
from factory.domain.spec_prompt import Surroundings
from factory.integrations.anthropic_specs import AnthropicSpecs
from factory.integrations.plain_specs import PlainSpecs
from factory.integrations.spec_command import CommandSpecs
from factory.spec_ports import SpecOrder, SpecWriter
from tests.fakes.clock import ManualClock
from tests.model_api import message, model_api

ANSWER = {"goal": "Greeted.", "tasks": ["Write it", "Test it"], "checks": ["it greets"], "files": ["greet.py"], "questions": []}
QUESTIONS = {**ANSWER, "tasks": [], "questions": ["Which language?"]}
ISSUE = Issue("owner/repo#12", "Greet people", "- say hello\n- say bye\n", "https://example.org/12")
ORDER = SpecOrder("0123456789", "owner/repo", "main", ISSUE, Surroundings("c" * 40, ("greet.py",)), ("use make",))
MODEL = "claude-sonnet-5-5"
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Site:
    """`says` has the writer given an answer; it does nothing where nobody is asked."""

    writer: SpecWriter
    says: Callable[[Any], None]


def anthropic(url: str, **changes: Any) -> AnthropicSpecs:
    given = {"model": MODEL, "max_tokens": 4_000, "timeout": TIMEOUT_SECONDS, "clock": ManualClock(), **changes}
    return AnthropicSpecs("sk-ant-canary", url, **given)


def command(folder: Path, code: str, timeout: float = TIMEOUT_SECONDS) -> CommandSpecs:
    """A command that runs these lines of Python; the order is in `order`."""
    program = folder / "write_spec.py"
    program.write_text(f"import json, os, sys\norder = json.load(sys.stdin)\n{code}\n", "utf-8")
    return CommandSpecs(f"{shlex.quote(sys.executable)} -I {shlex.quote(str(program))}", folder, timeout)


@contextmanager
def site_of(kind: str, folder: Path) -> Iterator[Site]:
    match kind:
        case "plain":
            yield Site(PlainSpecs("no model is set"), lambda _: None)
        case "command":
            told = folder / "answer"
            writer = command(folder, f"print(open({str(told)!r}).read())")
            yield Site(writer, lambda answer: _put(told, answer))
        case _:
            with model_api() as api:
                yield Site(anthropic(api.url), lambda answer: api.replies.append(message(_text(answer))))


def _put(path: Path, answer: object) -> None:
    path.write_text(_text(answer), "utf-8")


def _text(answer: object) -> str:
    return answer if isinstance(answer, str) else json.dumps(answer)

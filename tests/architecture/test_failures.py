"""`factory/FAILURES.md` speaks of what there is: commands, settings, statuses, states, events, log lines, and sentences that are shown."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup

from actors.node import State
from factory.cli.app import app
from factory.config import Settings
from factory.domain.events import EventType
from factory.domain.supervision import Level
from factory.domain.work_item import FailureClass, Status
from factory.wiring_actors import KINDS
from tests.architecture.sources import PACKAGES, ROOT, modules, tree

DOCUMENT = ROOT / "factory/FAILURES.md"
_WIDTH, _LINES = 140, 260
_MARKED = re.compile(r"`([^`]+)`")
_EVENT = re.compile(r"[A-Z_]+(\.[A-Z_]+){2}")
_LOGGED = re.compile(r"[a-z]+\.[a-z_]+")
_LEAST = 4
"""Letters of a piece of a sentence between two gaps that are looked for."""

# What is neither a name of the factory nor a sentence of it.
ARGUMENTS = {"high", "intake", *KINDS}
OF_OTHERS = {"kill -CONT": "the system's", "H": "the heartbeat", "…": "a gap", "logs/factory.log": "a file", "GITHUB_TOKEN": "a variable"}


@cache
def words() -> tuple[str, ...]:
    """Everything in backticks, in order. A sentence may hold a command, whose own backticks then end it."""
    return tuple(_MARKED.findall(DOCUMENT.read_text(encoding="utf-8")))


@cache
def texts() -> str:
    """All strings of the code, each on a line of its own, with a gap where a value is put in; and the statements of the database."""
    found = [text for module in modules(*PACKAGES) for text in _strings(tree(module))]
    return "\n".join([*found, *(path.read_text("utf-8") for path in (ROOT / "factory/storage/sql").glob("*.sql"))])


def _strings(code: ast.AST) -> Iterator[str]:
    for node in ast.walk(code):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _names() -> set[str]:
    statuses = {*Status, *State, *FailureClass, *Level}
    return {*map(str, statuses), *Settings.model_fields, *KINDS, *EventType}


def _is_command(parts: list[str]) -> bool:
    """Whether there is a command of these words, with an option of that name, and what it takes as an argument."""
    command = typer.main.get_command(app)
    for part in parts:
        if part.startswith("--"):
            if not any(part in parameter.opts for parameter in command.params):
                return False
        elif isinstance(command, TyperGroup):
            if part not in command.commands:
                return False
            command = command.commands[part]
        elif not part.isupper() and part not in ARGUMENTS:
            return False
    return True


def _is_told(word: str) -> bool:
    """Whether the factory has these words in one of its sentences, or in the table that it prints."""
    pieces = [piece.strip(" .,:") for piece in re.split(r"…|\s{2,}|: ", word)]
    return all(len(piece) < _LEAST or piece in texts() for piece in pieces)


def _is_known(word: str) -> bool:
    if word in OF_OTHERS or word in _names():
        return True
    if word.startswith("factory "):
        return all(_is_command(part.removeprefix("factory ").split()) for part in re.split(" && ", word))
    if _EVENT.fullmatch(word):
        # What an agent tells of itself is put together where it is told.
        return word.startswith("ATTEMPT.") and f"{word.rpartition('.')[0]}." in texts()
    return _is_told(word) if not _LOGGED.fullmatch(word) else f"\n{word}\n" in texts()


def test_every_word_in_backticks_is_one_of_the_factorys() -> None:
    assert [word for word in dict.fromkeys(words()) if not _is_known(word)] == []


@pytest.mark.parametrize(
    "wrong",
    ["factory mend", "factory actor mend queue", "factory down --slowly", "max_wishes", "WORK_ITEM.MENDED.SUCCESS", "child.mends",
     "ATTEMPT.NOTHING.FAILED", "the worker was cheerful for … s", "paused by … and somebody"],
)  # fmt: skip
def test_a_word_that_the_factory_does_not_know_is_found(wrong: str) -> None:
    assert not _is_known(wrong)


_SAID_OF_A_FAILURE = frozenset({"Finish", "ForgeUnavailable"})
"""What is made with a sentence that stands as an attempt's reason, or as what is in the way of a pull request."""

_SAID_ELSEWHERE = {
    "the worker speaks protocol \0": "a worker of another version is spoken of without its sentence",
    "the assignment cannot be sent: \0": "a spec that large is refused when it is handed in",
}


def _sentences(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _SAID_OF_A_FAILURE:
            told = [text for argument in node.args for text in islice(_strings(ast.Expression(argument)), 1)]
            # Codes are single words.
            yield from (text for text in told if " " in text.strip())


def _is_spoken_of(sentence: str) -> bool:
    """Whether something in backticks stands for it: all of its pieces are in the sentence, in their order."""
    pieces = [[piece.strip(" .,:") for piece in word.split("…")] for word in words()]
    patterns = [".*".join(re.escape(piece) for piece in each) for each in pieces if max(map(len, each)) >= 2 * _LEAST]
    return any(re.search(pattern, sentence, re.DOTALL) for pattern in patterns)


def test_every_sentence_about_an_attempt_or_a_publication_that_fails_is_spoken_of() -> None:
    said = {text for module in modules(*PACKAGES) for text in _sentences(tree(module))}

    assert {text for text in said if not _is_spoken_of(text)} == set(_SAID_ELSEWHERE)
    assert {text for text in said if text.startswith(("GitHub did not come", "the result could not be stored within"))}


def test_a_sentence_that_nobody_speaks_of_is_found() -> None:
    assert not _is_spoken_of("the worker was cheerful for \0 s")


def test_every_process_status_state_and_event_is_spoken_of() -> None:
    told = {*words(), *(word.split()[1] for word in words() if word.startswith("factory ") and len(word.split()) > 1)}
    actors = {name for name in KINDS if name != "worker"}

    assert {*map(str, Status), *map(str, State), *actors, *map(str, EventType)} - told == set()
    assert "worker-…" in told


def test_it_fits_a_screen_and_is_found_from_the_readme() -> None:
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()

    assert [number for number, line in enumerate(lines, 1) if len(line) > _WIDTH] == []
    assert len(lines) <= _LINES
    assert f"({Path('factory', DOCUMENT.name)})" in (ROOT / "README.md").read_text(encoding="utf-8")

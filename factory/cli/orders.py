"""Handing a spec in: what was typed is checked and made whole here, before anything is sent."""

import os
import shlex
import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from factory.cli.client import ask, here, new_command, view
from factory.cli.output import note, show, show_json
from factory.domain.durations import parse_duration
from factory.errors import InvalidInput, Retryable
from factory.paths import Paths, running_root

if TYPE_CHECKING:
    from factory.protocol.commands import Submit

MAX_TITLE = 200
"""Characters; a pull request's title is cut near there by the forges."""


class Priority(StrEnum):
    """What goes first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def number(self) -> int:
        """As it is stored: 0 is first."""
        return list(Priority).index(self)


_REPO_HELP = "Path or URL of the git repository; a checkout stands for its remote `origin`."
Repo = Annotated[str, typer.Option("--repo", help=_REPO_HELP, metavar="PATH_OR_URL")]
SpecFile = Annotated[Path, typer.Option("--spec", metavar="FILE", help="What to do: Markdown with tasks as `- [ ]`; - reads stdin.")]
_ENGINE_HELP = "The agent: claude, ralph, codex, gemini, opencode, or a program of your own, run once an iteration."
Engine = Annotated[str, typer.Option("--engine", help=_ENGINE_HELP, metavar="NAME|command:PROGRAM")]
Base = Annotated[str, typer.Option("--base", metavar="BRANCH", help="Branch to start from [default: the repository's own].")]
Title = Annotated[str, typer.Option("--title", metavar="TEXT", help="Title of the pull request [default: the spec's first heading].")]
_NEEDS_HELP = "Labels that the host it is worked on must have, as in gpu,big."
Needs = Annotated[str, typer.Option("--needs", help=_NEEDS_HELP, metavar="LABELS")]
MaxIterations = Annotated[int, typer.Option(min=1, max=1000, help="Runs of the agent in one attempt, at most.")]


@dataclass(frozen=True, slots=True)
class Wish:
    """What was typed. Delay in seconds."""

    repo: str
    spec: Path
    engine: str
    base: str = ""
    title: str = ""
    priority: Priority = Priority.MEDIUM
    delay: float = 0.0
    max_iterations: int = 50
    needs: str = ""


def register(app: typer.Typer) -> None:
    app.command()(submit)


def submit(
    context: typer.Context,
    *,
    repo: Repo,
    spec: SpecFile,
    engine: Engine,
    priority: Priority = Priority.MEDIUM,
    base: Base = "",
    title: Title = "",
    delay: Annotated[str, typer.Option(help="Leave it alone for so long, as in 30m.", metavar="DURATION")] = "",
    max_iterations: MaxIterations = 50,
    needs: Needs = "",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow it to its end.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the new item as JSON.")] = False,
) -> None:
    """Hand a spec in, and print the new item's id.

    \b
    Examples:
      factory submit --repo . --spec SPEC.md --engine claude
      factory submit --repo https://example.org/me/app.git --spec - --engine 'command:my-agent --fast' --priority high
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    from factory.cli.run import follow_to_the_end

    wish = Wish(repo, spec, engine, base, title, priority, _delay(delay), max_iterations, needs)
    order = make_order(wish)
    paths = here(context)
    refuse_what_it_lacks(paths, order.engine)
    _hand_in(paths, order)
    if json:
        show_json("submitted", {"item": order.item, "title": order.title})
    else:
        show(order.item)
    _warn_of_needs(paths, order)
    if wait:
        raise typer.Exit(follow_to_the_end(paths, order.item, order.title))


def _hand_in(paths: Paths, order: "Submit") -> None:
    """Raises what `ask` does; where nobody knows whether it was accepted, with the item's id: handed in again it would be another item."""
    try:
        ask(paths, order)
    except Retryable as error:
        if running_root(paths) is None:
            raise
        # What the factory says to programs, which repeat the same command; a person would make a new one.
        why = str(error).partition("; the same command")[0].rstrip(".")
        told = f"{why}. It may be accepted all the same: look with `factory show {order.item}` before you hand it in again."
        raise type(error)(told) from error


def _warn_of_needs(paths: Paths, order: "Submit") -> None:
    """That no host has the labels keeps nobody from handing it in: one may be enrolled at any time."""
    if not order.needs:
        return
    try:
        why = str(view(paths, "item", order.item)["item"]["why"])
    except Retryable:
        return  # it was accepted, and `factory show` says the same later
    if why.startswith("no host has "):
        note(f"It waits: {why}.")


def make_order(wish: Wish) -> "Submit":
    """The whole order behind a wish.

    Raises:
        InvalidInput: a part of it cannot be; the sentence says which and why.
        Retryable: the repository cannot be reached now.
    """
    from factory.cli.git_look import default_branch, left_behind, refuse_lfs, repository, require_branch
    from factory.domain.ids import new_item_id
    from factory.domain.spec import SpecProblem, read_spec
    from factory.protocol.commands import Submit

    text = _read(wish.spec)
    spec = read_spec(text)
    if isinstance(spec, SpecProblem):
        raise InvalidInput(f"--spec {wish.spec}: {spec.reason}")
    engine = whole_engine(wish.engine)
    repo = repository(wish.repo)
    base = wish.base or default_branch(repo)
    require_branch(repo, base)
    refuse_lfs(repo, base)
    unseen = left_behind(wish.repo, base)
    if unseen:
        note(unseen)
    return Submit(
        command=new_command(),
        item=new_item_id(),
        repo=repo,
        base_branch=base,
        title=(wish.title or spec.title)[:MAX_TITLE],
        spec=text.decode(),
        engine=engine,
        priority=wish.priority.number,
        delay=wish.delay,
        files=spec.files,
        max_iterations=wish.max_iterations,
        needs=_needs(wish.needs),
    )


def whole_engine(text: str) -> str:
    """The engine with its program as an absolute path where it was given as a path.

    Raises:
        InvalidInput: there is no such engine, or no such program.
    """
    name, _, command = text.partition(":")
    if name == "claude":
        return f"claude:{_program(command)}" if command else name
    if name in _AGENTS:
        return _agent(name, command, text)
    if name != "command":
        raise InvalidInput(f"--engine: there is no engine {name!r}; there are claude, {', '.join(_AGENTS)} and command:PROGRAM.")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InvalidInput(f"--engine: {command} cannot be read as a command ({error}).") from error
    if not words:
        raise InvalidInput("--engine: no program is named; write command:PROGRAM, as in command:./agent.sh.")
    if "/" not in words[0]:
        if not shutil.which(words[0]):
            note(f"There is no program {words[0]} on this PATH ({os.environ.get('PATH', '')}); workers may have another.")
        return text
    return f"command:{shlex.join([str(_program(words[0])), *words[1:]])}"


_AGENTS = ("ralph", "codex", "gemini", "opencode")
"""What a worker knows how to call beside Claude Code (`worker_agent.engines.table`)."""


def _agent(name: str, added: str, text: str) -> str:
    """After the colon come words that are added to the agent's command line."""
    try:
        shlex.split(added)
    except ValueError as error:
        raise InvalidInput(f"--engine: {text} cannot be read as a command ({error}).") from error
    if not shutil.which(name):
        note(f"There is no program {name} on this PATH ({os.environ.get('PATH', '')}); workers may have another.")
    return text


def _plain(path: Path) -> Path:
    """Without `..`, for those who read it later; not resolved, since a link may be what is kept up to date."""
    plain = Path(os.path.normpath(path))
    # Behind a link `..` is another folder than the one it was written in.
    return plain if plain.exists() and path.exists() and plain.samefile(path) else path


def _program(path: str) -> Path:
    program = _plain(Path(path).expanduser().absolute())
    if not program.is_file() or not os.access(program, os.X_OK):
        raise InvalidInput(f"--engine: {program} is no program that can be run; is it there, and executable?")
    return program


def missing_for(engine: str) -> str:
    """What an engine would lack in a factory that is started here and now, as a sentence with its mend."""
    from factory.config import load
    from factory.integrations.engines import lacking, with_program

    settings = load(os.environ, Path.cwd())
    here = settings.worker_host == "process"
    return lacking(engine, with_program(os.environ, settings.claude_bin), settings.engine_keys, here=here)


def refuse_what_it_lacks(paths: Paths, engine: str) -> None:
    """Before the order is sent: the factory that runs knows what it was started with, and an item would wait for what never comes.

    Raises:
        InvalidInput: it lacks the engine's program or credential; where none runs, one that is started here would.
        Retryable: it does not answer.
    """
    from factory.domain.engine_keys import lacking_in

    if running_root(paths) is None:
        if why := missing_for(engine):
            raise InvalidInput(why)
        return
    told = view(paths, "status").get("lacking")
    if why := lacking_in(engine, told if isinstance(told, dict) else {}):
        raise InvalidInput(f"The factory that runs cannot use it. {why} Then start the factory again: factory down && factory up --detach")


def _read(file: Path) -> bytes:
    """The spec's bytes, and at most one more than are allowed: a device or a huge file is not read to its end."""
    from factory.domain.spec import MAX_SPEC_BYTES

    try:
        if str(file) == "-":
            return typer.get_binary_stream("stdin").read(MAX_SPEC_BYTES + 1)
        with file.open("rb") as opened:
            return opened.read(MAX_SPEC_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"--spec: {file} cannot be read: {error.strerror or error}.") from error


def _needs(text: str) -> tuple[str, ...]:
    from factory.domain.hosts import listed, needs_objection

    needs = listed(text)
    if objection := needs_objection(needs):
        raise InvalidInput(f"--needs: {objection}.")
    return needs


def _delay(text: str) -> float:
    try:
        return parse_duration(text) if text else 0.0
    except ValueError as error:
        raise InvalidInput(f"--delay: {text!r} {error}.") from error

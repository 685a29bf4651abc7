"""Commands before there is a factory, and about where it is: init, migrate, config show, info, completion."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from factory.cli.ask import Json
from factory.cli.client import here
from factory.cli.output import fields, note, show, show_json, table

if TYPE_CHECKING:
    from factory.paths import Paths

_FILE_MODE = 0o600
"""It may come to hold a password."""

_ZSH_FIRST_TIME = """

if [ "$funcstack[1]" = "_factory" ]; then
  _factory_completion
fi
"""
"""Found in zsh's `fpath`, the file is itself the function of the first completion, which without this would only define another one."""

configuration = typer.Typer(help="What the factory is set to.", no_args_is_help=True, rich_markup_mode=None)


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def register(app: typer.Typer) -> None:
    for command in (init, migrate, info, completion):
        app.command()(command)
    configuration.command("show")(show_configuration)
    # A second command keeps `config` a group: with one alone, typer would call it for `factory config`.
    configuration.callback()(lambda: None)
    app.add_typer(configuration, name="config")


def init(context: typer.Context) -> None:
    """Write a commented factory.toml here, and make the folders and keys of a factory.

    What is there already stays as it is.

    \b
    Example:
      factory init && factory doctor
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    from factory.config_reference import commented_file
    from factory.paths import prepare
    from factory.transport.curve import KeyPair

    paths, file = here(context), Path.cwd() / "factory.toml"
    note(f"{file} {'is written: every setting, at its default.' if _write_new(file, commented_file()) else 'is there and stays as it is.'}")
    prepare(paths)
    key = paths.data / "gateway.key"
    made = not key.exists()
    KeyPair.obtain(key)
    note(f"{key} {'is made, for you alone to read.' if made else 'is there and stays as it is.'}")
    show("Next: factory doctor, then: factory run --repo . --spec SPEC.md --engine command:./agent.sh")


def migrate(context: typer.Context, *, json: Json = False) -> None:
    """Bring the database to the newest schema.

    `factory up` does it too; this is for a server of your own, where it is to be done at a time of your choice.

    \b
    Example:
      factory migrate
    """  # noqa: D301
    from factory.config import load
    from factory.wiring_offline import migrate_now

    done = migrate_now(load(os.environ, Path.cwd()), here(context))
    if json:
        show_json("migrate", {"migrations": done})
    else:
        show("\n".join(done) if done else "The database has the newest schema.")


def show_configuration(
    *,
    origin: Annotated[bool, typer.Option("--origin", help="Also tell where each value comes from.")] = False,
    json: Json = False,
) -> None:
    """The settings that hold for a factory started here; secrets are masked.

    \b
    Examples:
      factory config show --origin
      factory config show --json | jq .settings.max_workers.value
    """  # noqa: D301
    from factory.config_reference import LIVE, shown

    values = shown(os.environ, Path.cwd())
    if json:
        told = {each.name: {"value": each.value, "origin": each.origin, "live": each.name in LIVE} for each in values}
        show_json("config", {"settings": told})
    elif origin:
        show("\n".join(table(("SETTING", "VALUE", "ORIGIN"), [(each.name, each.text, each.origin) for each in values])))
    else:
        show("\n".join(fields((each.name, each.text) for each in values)))


def info(context: typer.Context, *, json: Json = False) -> None:
    """Where this factory keeps what, and which program this is.

    \b
    Examples:
      factory info
      factory info --json | jq -r .logs
    """  # noqa: D301
    told = _places(here(context))
    if json:
        show_json("info", told)
    else:
        show("\n".join(fields(told.items())))


def completion(shell: Annotated[Shell, typer.Argument(help="The shell that shall complete.")]) -> None:
    """Print what makes a shell complete the commands of the factory.

    \b
    Examples:
      factory completion bash > ~/.local/share/bash-completion/completions/factory
      factory completion zsh > ~/.zfunc/_factory
      factory completion fish > ~/.config/fish/completions/factory.fish
    """  # noqa: D301
    from typer.completion import get_completion_script  # type: ignore[attr-defined] # what its own --show-completion calls

    script = get_completion_script(prog_name="factory", complete_var="_FACTORY_COMPLETE", shell=shell.value)
    show(script + _ZSH_FIRST_TIME if shell is Shell.ZSH else script)


def _write_new(file: Path, text: str) -> bool:
    """False where there is one: it is never overwritten."""
    from factory.errors import InvalidInput

    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    except FileExistsError:
        return False
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror or error}.") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
    return True


def _places(paths: "Paths") -> dict[str, str | int | None]:
    from factory.config_sources import user_file
    from factory.paths import running_root

    return {
        "data": str(paths.data),
        "run": str(paths.run),
        "link": str(paths.link),
        "logs": str(paths.logs),
        "mirrors": str(paths.mirrors),
        "workers": str(paths.workers),
        "database": str(paths.postgres),
        "config": str(Path.cwd() / "factory.toml"),
        "user_config": str(user_file(os.environ)),
        "python": sys.executable,
        "package": str(Path(__file__).resolve().parent.parent),
        "pid": running_root(paths),
    }

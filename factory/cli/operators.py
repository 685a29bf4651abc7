"""`factory operator add|list|remove`: who may see and steer this factory from other machines. Works whether it runs or not."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from factory.cli.ask import Json
from factory.cli.client import here
from factory.cli.output import note, show, show_json, table
from factory.domain.operators import Operator, name_objection
from factory.errors import InvalidInput

_HELP = """Operators on other machines: who may look at this factory, and who may steer it."""

group = typer.Typer(help=_HELP, no_args_is_help=True, rich_markup_mode=None)


class RoleName(StrEnum):
    """What a key is good for."""

    VIEW = "view"
    OPERATE = "operate"


Name = Annotated[str, typer.Argument(help="The operator's name, as it stands in the audit trail.", metavar="NAME")]


def register(app: typer.Typer) -> None:
    for command in (add, remove):
        group.command()(command)
    group.command("list")(list_operators)
    app.add_typer(group, name="operator")


def add(
    context: typer.Context,
    name: Name,
    *,
    role: Annotated[RoleName, typer.Option(help="view looks, operate also gives commands.")] = RoleName.VIEW,
    out: Annotated[Path | None, typer.Option(help="The key file to write [default: NAME.factory-key].", metavar="FILE")] = None,
) -> None:
    """Make a key for an operator on another machine, and write it to a file for that operator.

    The file is the only copy of the secret half: hand it over in private. Where the factory listens is set by `listen` in factory.toml,
    as in listen = "tcp://0.0.0.0:7710"; without it nobody is heard from elsewhere.

    \b
    Examples:
      factory operator add ada --role operate
      factory-tui --connect tcp://HOST:7710 --key ada.factory-key
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    from factory.paths import prepare
    from factory.transport.curve import KeyPair
    from factory.transport.operator_book import OperatorBook, server_key_path
    from factory.transport.operator_key import write_key_file

    if objection := name_objection(name):
        raise InvalidInput(f"{objection}.")
    paths = here(context)
    prepare(paths)
    book, file, keys = OperatorBook(paths.data), out or Path(f"{name}.factory-key"), KeyPair.generate()
    write_key_file(file, name, KeyPair.obtain(server_key_path(paths.data)).public, keys)
    try:
        book.add(Operator(name, role.value, keys.public))
    except BaseException:
        # A key that nobody knows is of no use, and its file would be in the way of the next try.
        file.unlink()
        raise
    note(f"{name} may {'look and give commands' if role is RoleName.OPERATE else 'look'}. The key is in {file}: hand it over in private.")


def list_operators(context: typer.Context, *, json: Json = False) -> None:
    """Who may come from other machines, and what each may do.

    \b
    Example:
      factory operator list
    """  # noqa: D301
    from factory.transport.operator_book import OperatorBook

    known = OperatorBook(here(context).data).everyone()
    if json:
        show_json("operators", {"operators": [{"name": each.name, "role": each.role, "key": each.key} for each in known]})
        return
    rows = [(each.name, each.role, each.key) for each in known]
    show("\n".join(table(("NAME", "ROLE", "PUBLIC KEY"), rows)) if rows else "No operators: only this user, on this machine.")


def remove(context: typer.Context, name: Name) -> None:
    """Take an operator's key back. It is worth nothing from the next message on, also on a connection that is open.

    \b
    Example:
      factory operator remove ada
    """  # noqa: D301
    from factory.transport.operator_book import OperatorBook

    OperatorBook(here(context).data).remove(name)
    note(f"The key of {name} is worth nothing any more.")

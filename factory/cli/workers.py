"""`factory worker enroll|list|drain|undrain|revoke`: machines elsewhere that workers run on."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from factory.cli.ask import Json
from factory.cli.client import ask, here, new_command, operator, view
from factory.cli.output import note, show, show_json, table
from factory.domain.durations import show_duration

_HELP = """Machines elsewhere that workers run on."""

group = typer.Typer(help=_HELP, no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="The machine's name in this factory.", metavar="NAME")]


def register(app: typer.Typer) -> None:
    for command in (enroll, drain, undrain, revoke):
        group.command()(command)
    group.command("list")(list_hosts)
    app.add_typer(group, name="worker")


def enroll(
    context: typer.Context,
    name: Name,
    *,
    label: Annotated[list[str] | None, typer.Option(help="What sets it apart, as in gpu; may be given again.", metavar="LABEL")] = None,
) -> None:
    """Print the line by which another machine joins, good once and for ten minutes.

    Where other machines are heard is set by `worker_listen` in factory.toml, as in worker_listen = "tcp://0.0.0.0:7711". A machine that
    has joined before joins anew, and its key of before is worth nothing any more.

    \b
    Examples:
      factory worker enroll anvil --label gpu
      factory-worker join tcp://HOST:7712 TOKEN && factory-worker run     (over there)
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    done = _steer(context, "enroll", name, tuple(label or ()))
    show(str(done["line"]))
    note(f"Good once, for {show_duration(float(done['seconds']))}; then `factory-worker run` over there.")


def list_hosts(context: typer.Context, *, json: Json = False) -> None:
    """Which machines there are, what they can do, and how they are.

    \b
    Example:
      factory worker list
    """  # noqa: D301
    hosts = view(here(context), "hosts")["hosts"]
    if json:
        show_json("hosts", {"hosts": hosts})
        return
    heads = ("NAME", "STATE", "SEEN", "WORKERS", "CORES", "MEMORY", "ISOLATION", "ENGINES", "LABELS")
    show("\n".join(table(heads, [_row(host) for host in hosts])) if hosts else "No other machines: all workers run on this one.")


def drain(context: typer.Context, name: Name) -> None:
    """Have no more workers made on a machine; those that work there finish.

    \b
    Example:
      factory worker drain anvil
    """  # noqa: D301
    _steer(context, "drain", name)
    note(f"No worker is made on {name} any more; `factory worker undrain {name}` takes that back.")


def undrain(context: typer.Context, name: Name) -> None:
    """Have workers made on a machine again.

    \b
    Example:
      factory worker undrain anvil
    """  # noqa: D301
    _steer(context, "undrain", name)
    note(f"{name} takes workers again.")


def revoke(context: typer.Context, name: Name) -> None:
    """Take a machine's key back. It is worth nothing from the next message on, and what it works on goes to others.

    \b
    Example:
      factory worker revoke anvil
    """  # noqa: D301
    _steer(context, "revoke", name)
    note(f"The key of {name} is worth nothing any more.")


def _steer(context: typer.Context, verb: Any, name: str, labels: tuple[str, ...] = ()) -> Mapping[str, Any]:  # noqa: ANN401 - one of a literal
    from factory.protocol.commands import SteerHost

    return ask(here(context), SteerHost(new_command(), verb, name, operator(), labels)) or {}


def _isolation(facts: Mapping[str, Any]) -> str:
    return f"{facts.get('isolation') or ''}{', way out' if facts.get('alone') else ''}"


def _row(host: Mapping[str, Any]) -> tuple[str, ...]:
    facts: Mapping[str, Any] = host.get("facts") or {}
    ago = host.get("seen_ago")
    memory = f"{facts['memory'] / 1024:.0f} GiB" if facts.get("memory") else ""
    return (
        str(host["name"]), str(host["status"]), f"{show_duration(ago)} ago" if ago is not None else "never",
        f"{host['workers']} of {facts.get('capacity', '?')}", str(facts.get("cores") or ""), memory, _isolation(facts),
        " ".join(facts.get("engines") or ()), " ".join(host.get("labels") or ()),
    )  # fmt: skip

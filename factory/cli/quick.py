"""Commands that only look, in their plain form: carried out without the parser, which takes four times as long as they do."""

from collections.abc import Mapping
from importlib import import_module
from types import SimpleNamespace

from factory.paths import locate

_PLAIN: Mapping[tuple[str, ...], tuple[str, str, int]] = {
    ("queue",): ("ask", "queue", 0),
    ("workers",): ("ask", "workers", 0),
    ("tree",): ("ask", "tree", 0),
    ("show",): ("item", "show_item", 1),
    ("events",): ("item", "events", 1),
    ("diff",): ("diff", "diff", 1),
    ("gates",): ("diff", "gates", 1),
    ("logs",): ("logs", "logs", 1),
    ("pr", "list"): ("pulls", "list_pull_requests", 0),
    ("pr", "show"): ("pulls", "show_pull_request", 1),
    ("learnings",): ("learn", "learnings", 0),
    ("stats",): ("learn", "stats", 0),
    ("locks",): ("operate", "locks", 0),
}
"""Words → the module and function of the command, and how many arguments it takes. Options but --json are the parser's."""


def answered(words: tuple[str, ...], environ: Mapping[str, str]) -> bool:
    """Carries a command out where it is one of these; False, and nothing done, where the parser has to look."""
    json, plain = words[-1:] == ("--json",), words[:-1] if words[-1:] == ("--json",) else words
    if plain == ("status",):
        from factory.cli.status import print_status

        print_status(locate(environ), json=json)
        return True
    name = next((name for name in (plain[:2], plain[:1]) if name in _PLAIN), None)
    if name is None:
        return False
    module, function, count = _PLAIN[name]
    arguments = plain[len(name) :]
    if len(arguments) != count or any(word.startswith("-") for word in arguments):
        return False
    getattr(import_module(f"factory.cli.{module}"), function)(SimpleNamespace(obj=None), *arguments, json=json)
    return True

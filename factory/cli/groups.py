"""The commands as `factory --help` lists them: by what somebody wants to do."""

from typing import Any

from typer.core import TyperGroup

SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Have work done", ("run", "submit", "demo", "dev")),
    (
        "Look",
        (
            "status",
            "queue",
            "issues",
            "show",
            "diff",
            "gates",
            "logs",
            "attach",
            "events",
            "workers",
            "pr",
            "learnings",
            "stats",
            "locks",
            "feed",
        ),
    ),
    ("Steer an item", ("approve", "reject", "retry", "kill", "cancel", "priority", "note", "unlock")),
    ("Run the factory", ("up", "down", "pause", "resume", "drain", "reload", "tree", "actor", "emergency-stop", "operator", "worker")),
    ("Set up", ("init", "doctor", "image", "config", "info", "migrate", "service", "completion", "version")),
)


class Sections(TyperGroup):
    """Commands under headings, in the order of `SECTIONS`; what has no heading comes last."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - typer keeps its context's type to itself
        there = super().list_commands(ctx)
        placed = [name for _, names in SECTIONS for name in names if name in there]
        return [*placed, *(name for name in there if name not in placed)]

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as above
        rest = self.list_commands(ctx)
        size = max(map(len, rest))
        for title, names in (*SECTIONS, ("More", tuple(rest))):
            rows = [(name, self.commands[name]) for name in names if name in rest and not self.commands[name].hidden]
            rest = [name for name in rest if name not in names]
            if rows:
                room = formatter.width - size - 6
                with formatter.section(title):
                    formatter.write_dl([(f"{name:<{size}}", command.get_short_help_str(room)) for name, command in rows])

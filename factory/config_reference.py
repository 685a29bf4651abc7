"""Settings told to people: what each is for, its default as a file would have it, where its value came from, and when a change counts.

`factory init`, `factory config show` and the README's table all say what is in `Settings`, so that none of them can be behind it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from factory.config import Settings, is_duration, load
from factory.config_masking import MASK, mask, masked_servers
from factory.config_sources import INHERITED, gather
from factory.errors import InvalidInput

LIVE = frozenset({"max_workers", "daily_iterations", "daily_cost_cap", "cooldown", "min_free_disk"})
"""Settings that a running factory takes over on SIGHUP; the others need a restart."""

DEFAULT_PLACE = "default"
_UNSHOWN = frozenset({"only"})
"""For the factory that `factory run` starts for itself; nobody would write it into a file."""

_EXAMPLES: Mapping[str, str] = {
    "database_url": '#database_url = "postgresql://factory@localhost/factory"',
    "repos": '#repos = ["owner/name"]',
    "trusted_bots": "#trusted_bots = [49699333]",
    "priority_labels": '#[priority_labels]\n#critical = "critical"\n#P0 = "critical"\n#high = "high"\n#P1 = "high"\n'
    '#low = "low"\n#P3 = "low"',
    "guarded_paths": '#guarded_paths = ["deploy/**"]',
    "gates": '#[[gates]]\n#name = "test"\n#command = "make test"\n#timeout = "10m"',
    "needs_labels": '#[needs_labels]\n#needs-gpu = "gpu"',
    "mcp": '#[mcp.playwright]\n#command = "npx"\n#args = ["@playwright/mcp@latest"]\n'
    '#[mcp.context7]\n#command = "npx"\n#args = ["-y", "@context7/mcp"]',
    "keys": '#[keys]\n#item.kill = "ctrl+x"',
    "engine_keys": '#[engine_keys]\n#command = ["MY_AGENT_KEY"]\n#ralph = ["ANTHROPIC_API_KEY"]',
}
"""For settings whose default is nothing, which TOML cannot write, or an empty list, which shows nobody what belongs there."""

_HEAD = """\
# The factory's settings. All are at their defaults: take the # from a line to change it.
# What wins: --set NAME=VALUE, then FACTORY_NAME in the environment, then this file (where `factory up` is called),
# then ~/.config/factory/config.toml. Durations are text with a unit: "500ms", "60s", "5m", "2h".
# (live): a running factory takes a change over on SIGHUP; the others need a restart. `factory config show --origin` tells what holds.
"""

_UNITS = ((3600.0, "h"), (60.0, "m"), (1.0, "s"))
BEGIN = "<!-- settings: written by scripts/readme-settings -->"
END = "<!-- end of settings -->"


@dataclass(frozen=True, slots=True)
class Setting:
    """One of `Settings`. `default` as TOML has it, empty where the default is nothing."""

    name: str
    about: str
    default: str
    variables: tuple[str, ...]
    live: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A value that holds: JSON-ready, secrets masked. `origin`: the file, variable or flag, or `default`."""

    name: str
    value: Any
    text: str
    origin: str


def settings() -> list[Setting]:
    """All that people may set, in the order of `Settings`."""
    usual = Settings()
    return [
        Setting(name, " ".join((field.description or "").split()), as_toml(getattr(usual, name), field), _variables(name), name in LIVE)
        for name, field in Settings.model_fields.items()
        if name not in _UNSHOWN
    ]


def commented_file() -> str:
    """A `factory.toml` that changes nothing and names everything. Tables come last, as TOML wants it."""
    tables = [each for each in settings() if "[[" in _line(each) or "#[" in _line(each)]
    plain = [each for each in settings() if each not in tables]
    parts = [f"# {each.about}{' (live)' if each.live else ''}\n{_line(each)}\n" for each in (*plain, *tables)]
    return "\n".join([_HEAD, *parts])


def markdown_table() -> str:
    """For the README."""
    heads = ["| setting | default | live | what it is |", "|---|---|---|---|"]
    return "\n".join([*heads, *(_markdown_row(each) for each in settings())])


def with_table(readme: str) -> str:
    """The README with the table of today between its two markers.

    Raises:
        InvalidInput: the markers are not there.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InvalidInput(f"The README has no place for the settings: put {BEGIN} and {END} on lines of their own.")
    return f"{before}{BEGIN}\n{markdown_table()}\n{END}{after}"


def shown(environ: Mapping[str, str], folder: Path, flags: Mapping[str, str] | None = None) -> list[Shown]:
    """All values that hold for a factory started in `folder`, and where each came from.

    Raises:
        InvalidInput: as `config.load` does.
    """
    loaded = load(environ, folder, flags)
    found = gather(environ, folder, flags or {}, frozenset(Settings.model_fields))
    return [
        _shown(name, getattr(loaded, name), field, found[name].place if name in found else DEFAULT_PLACE)
        for name, field in Settings.model_fields.items()
    ]


def differing(old: Settings, new: Settings) -> tuple[list[str], list[str]]:
    """What is different: settings that can change while a factory runs, and those that cannot."""
    changed = [name for name in Settings.model_fields if getattr(old, name) != getattr(new, name)]
    return [name for name in changed if name in LIVE], [name for name in changed if name not in LIVE]


def as_toml(value: object, field: FieldInfo) -> str:
    """The value as a file would have it; empty for nothing."""
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool) and is_duration(field):
        return json.dumps(_duration(float(value)))
    # JSON and TOML agree on texts, numbers, truth values and lists of texts; tables are written by hand.
    return json.dumps(_plain(value))


def _shown(name: str, value: object, field: FieldInfo, origin: str) -> Shown:
    if not field.repr and value:
        masked = mask(value) if isinstance(value, str) else masked_servers(value) if isinstance(value, Mapping) else MASK
        return Shown(name, masked, json.dumps(masked), origin)
    return Shown(name, _plain(value), as_toml(value, field) or "(none)", origin)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any setting
    if isinstance(value, tuple | list | frozenset):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    slots = getattr(type(value), "__slots__", None)
    if slots and not isinstance(value, str | int | float):
        return {name: _plain(getattr(value, name)) for name in slots}
    return value


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    # A minute is told as 60s, as the settings had it from the beginning.
    size, unit = next((each for each in _UNITS if seconds % each[0] == 0 and seconds != 60), (1.0, "s"))  # noqa: PLR2004
    return f"{seconds / size:g}{unit}"


def _variables(name: str) -> tuple[str, ...]:
    return tuple(variable for variable, (setting, _) in INHERITED.items() if setting == name)


def _line(setting: Setting) -> str:
    empty = '""'
    return _EXAMPLES.get(setting.name) or f"#{setting.name} = {setting.default or empty}"


def _markdown_row(setting: Setting) -> str:
    names = f"`{setting.name}`" + "".join(f" (`{variable}`)" for variable in setting.variables)
    default = "" if setting.default in {"", "[]", "{}"} else f"`{_bare(setting.default)}`"
    return f"| {names} | {default} | {'yes' if setting.live else ''} | {setting.about} |"


def _bare(text: str) -> str:
    """Without the quotation marks of a plain text."""
    return text[1:-1] if text.startswith('"') else text

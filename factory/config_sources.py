"""Where settings are written down, each with its place; nothing is checked here but that it is known and readable."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factory.errors import InvalidInput

_MAX_FILE_BYTES = 1_000_000
"""Far more than anybody writes by hand; it keeps a device or a log file named by mistake from being read."""

# The names and units that these had from the beginning; a unit that stands in the name is added to the value.
INHERITED = {
    "MAX_WORKERS": ("max_workers", ""),
    "DAILY_BUDGET": ("daily_iterations", ""),
    "COOLDOWN_SECONDS": ("cooldown", "s"),
    "LOOP_INTERVAL_MS": ("loop_interval", "ms"),
    "DATABASE_URL": ("database_url", ""),
    "CLAUDE_BIN": ("claude_bin", ""),
    "REPOS": ("repos", ""),
    "INTAKE_LABEL": ("intake_label", ""),
    "POLL_INTERVAL": ("poll_interval", "ms"),
    "DOCKER_HOST": ("docker_host", ""),
}
_PREFIX = "FACTORY_"
_NOT_SETTINGS = frozenset({"FACTORY_DATA", "FACTORY_RUN"})
_OF_OTHERS = frozenset(
    f"{_PREFIX}{name}"
    for name in (
        "HOLD_DIR", "DOCKER_EXPECTED", "BASE_IMAGE", "ENGINE_DIR",
        "ASCII", "DEMO_MODEL_URL", "ITEM", "EPOCH", "ITERATION", "BRANCH", "BASE", "SPEC", "NOTES", "WORKER",
        "WORKER_DIR", "INSTANCE", "REMOTE_TOKEN", "COMPLETE", "NAME",
    )
)  # fmt: skip
"""Of tests, the dashboard, the demo, and of workers, in which somebody may start a factory."""
_LISTS = frozenset(
    {
        "guarded_paths", "claude_arguments", "repos", "trusted_bots", "pull_labels", "docker_capabilities", "docker_mounts", "egress_allow",
        "egress_private", "worker_labels",
    }
)  # fmt: skip
_FILE_ONLY = frozenset({"gates", "mcp", "engine_keys", "keys", "priority_labels", "needs_labels"})
_LIKELY_TYPO = 0.8


@dataclass(frozen=True, slots=True)
class Found:
    """A value as it was written, and where."""

    value: Any
    place: str


def gather(environ: Mapping[str, str], folder: Path, flags: Mapping[str, str], known: frozenset[str]) -> dict[str, Found]:
    """Every setting that is written down somewhere, from the place that wins.

    Raises:
        InvalidInput: a file cannot be read, or a name is not known.
    """
    found: dict[str, Found] = {}
    for file in (user_file(environ), folder / "factory.toml"):
        found |= _from_file(file, known)
    return found | _from_environment(environ, known) | _from_flags(flags, known)


def ignored(environ: Mapping[str, str], known: frozenset[str]) -> list[str]:
    """Variables that look like settings and are none: nothing is done with them, which their author should hear."""
    ours = {f"{_PREFIX}{name.upper()}" for name in known} | _NOT_SETTINGS | _OF_OTHERS
    return sorted(name for name in environ if name.startswith(_PREFIX) and environ[name] and name not in ours)


def user_file(environ: Mapping[str, str]) -> Path:
    """The user's own configuration, for all factories."""
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    base = Path(environ["XDG_CONFIG_HOME"]) if environ.get("XDG_CONFIG_HOME") else home / ".config"
    return base / "factory" / "config.toml"


def _from_file(file: Path, known: frozenset[str]) -> dict[str, Found]:
    try:
        with file.open("rb") as opened:
            text = opened.read(_MAX_FILE_BYTES).decode()
        values = tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise InvalidInput(f"{file} is no TOML: {error}.") from error
    for name in values.keys() - known:
        raise InvalidInput(f"{file}: {name} is not a setting; {_mend(name, known)}")
    return {name: Found(value, str(file)) for name, value in values.items()}


def _from_environment(environ: Mapping[str, str], known: frozenset[str]) -> dict[str, Found]:
    found = {
        setting: Found(_listed(setting, _with_unit(environ[name], unit, name), name), name)
        for name, (setting, unit) in INHERITED.items()
        if environ.get(name)
    }
    for name in sorted(environ):
        if name.startswith(_PREFIX) and environ[name] and name not in _NOT_SETTINGS:
            setting = name.removeprefix(_PREFIX).lower()
            if setting in known:
                found[setting] = Found(_listed(setting, environ[name], name), name)
            else:
                _refuse_typo(name, setting, known)
    return found


def _from_flags(flags: Mapping[str, str], known: frozenset[str]) -> dict[str, Found]:
    for name in flags.keys() - known:
        raise InvalidInput(f"--set {name}: it is not a setting; {_mend(name, known)}")
    return {name: Found(_listed(name, text, f"--set {name}"), f"--set {name}") for name, text in flags.items()}


def _with_unit(text: str, unit: str, name: str) -> str:
    if unit and not text.strip().replace(".", "", 1).isdecimal():
        raise InvalidInput(f"{name} should be a number of {'seconds' if unit == 's' else 'milliseconds'}, not {text!r}.")
    return text + unit


def _listed(setting: str, text: str, place: str) -> str | list[str]:
    if setting in _FILE_ONLY:
        raise InvalidInput(f"{place}: {setting} can only be written in factory.toml.")
    return [part.strip() for part in text.split(",") if part.strip()] if setting in _LISTS else text


def _refuse_typo(name: str, setting: str, known: frozenset[str]) -> None:
    """Other variables of that prefix are none of ours (workers have some); one that is nearly right is a mistake."""
    near = _near(setting, known, _LIKELY_TYPO)
    if near:
        raise InvalidInput(f"{name} is not a setting; did you mean {_PREFIX}{near.upper()}?")


def _mend(name: str, known: frozenset[str]) -> str:
    near = _near(name, known, cutoff=0.6)
    return f"did you mean {near}?" if near else "`factory config show` lists those there are."


def _near(name: str, known: Iterable[str], cutoff: float) -> str | None:
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=cutoff)), None)

"""Settings: flags, then the environment, then ./factory.toml, then the user's own config.toml, then the defaults.

Each value keeps the place it came from until it is checked, so that what is wrong is told with its place.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo

from factory.config_sources import Found, gather
from factory.domain.durations import parse_duration
from factory.domain.gates import DEFAULT_SECONDS, MAX_COMMAND, MAX_GATES, MAX_NAME, MAX_SECONDS, Gate
from factory.errors import InvalidInput

_START_HEARTBEATS = 12
"""A worker that has not said HELLO by then will not: a process needs one beat, a cold clone of a big mirror several."""

_FROM_TEXT = "from text"


def _seconds(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str):
        return parse_duration(value)
    # In a file a bare number would be read as milliseconds by one and as seconds by the other; in code it is seconds.
    if info.context == _FROM_TEXT:
        raise ValueError('needs a unit: write it as text, as in "500ms", "60s" or "5m"')
    return value


Duration = Annotated[float, BeforeValidator(_seconds), Field(ge=0, allow_inf_nan=False)]
"""Seconds; in files and in the environment a text with a unit."""
PositiveDuration = Annotated[Duration, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]

_VALUE = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _GateTable(BaseModel):
    """A gate as `[[gates]]` of factory.toml writes it."""

    model_config = _VALUE

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    command: Annotated[str, Field(min_length=1, max_length=MAX_COMMAND)]
    timeout: Annotated[PositiveDuration, Field(le=MAX_SECONDS)] = DEFAULT_SECONDS
    required: bool = True


def _gates(value: object, info: ValidationInfo) -> object:
    if info.context != _FROM_TEXT or not isinstance(value, list):
        return value
    tables = TypeAdapter(list[_GateTable]).validate_python(value, context=_FROM_TEXT)
    return tuple(Gate(table.name, table.command, table.timeout, table.required) for table in tables)


class Settings(BaseModel):
    """Everything that can be set. Times in seconds. Picklable, so each process of the tree gets its copy."""

    model_config = _VALUE

    heartbeat: Annotated[PositiveDuration, Field(le=60)] = 5.0
    """H: leases, grace and silence are multiples of it."""
    max_workers: Annotated[int, Field(ge=1, le=150)] = 2
    daily_iterations: Annotated[int, Field(ge=0)] = 200
    cooldown: Duration = 60.0
    """Between the starts of two workers."""
    loop_interval: PositiveDuration = 5.0
    """The slow poll that finds what no message told of."""

    max_attempts: Count = 3
    max_setbacks: Count = 10
    retry_stuck: bool = True
    attempt_backoff: Duration = 10.0
    setback_backoff: Duration = 2.0
    backoff_cap: Duration = 900.0

    max_iterations: Count = 50
    iteration_timeout: PositiveDuration = 3600.0
    stuck_after: Count = 3
    """Iterations without progress."""
    stop_grace: Duration = 5.0
    """From SIGTERM to SIGKILL."""
    start_timeout: PositiveDuration = Field(default_factory=lambda given: _START_HEARTBEATS * float(given.get("heartbeat", 5.0)))

    database_url: Annotated[str | None, Field(repr=False)] = None
    """An own PostgreSQL server; None: the embedded one. It may hold a password."""
    isolation: Literal["auto", "confined", "unconfined"] = "auto"
    allow_unconfined: bool = False
    """Whether specs that no operator handed in may run in a plain process."""

    gates: Annotated[tuple[Gate, ...], BeforeValidator(_gates), Field(max_length=MAX_GATES)] = ()
    """For repositories that have no gates of their own."""
    guarded_paths: tuple[str, ...] = ()
    """Beside those that are always guarded: a result that touches one needs a person's approval."""
    max_added_lines: Count = 20_000
    max_files: Count = 500
    max_file_bytes: Count = 5_000_000

    only: str | None = None
    """The one item that this factory works on: `factory run` leaves alone what else is queued."""


def load(environ: Mapping[str, str], folder: Path, flags: Mapping[str, str] | None = None) -> Settings:
    """The settings that hold for a factory started in `folder`.

    Args:
        flags: setting → its text, from the command line.

    Raises:
        InvalidInput: a value or a file is wrong; the sentence names the setting, its place and the mend.
    """
    found = gather(environ, folder, flags or {}, frozenset(Settings.model_fields))
    try:
        return Settings.model_validate({name: each.value for name, each in found.items()}, context=_FROM_TEXT)
    except ValidationError as error:
        raise InvalidInput(_sentence(error, found)) from None


def _sentence(error: ValidationError, found: Mapping[str, Found]) -> str:
    first: Any = error.errors(include_url=False, include_input=False)[0]
    name = str(first["loc"][0])
    inner = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in first["loc"][1:])
    complaint = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        complaint = "is not known: remove it, or look for a typing error"
    where = found[name].place if name in found else "the defaults"
    return f"{where}: {name}{inner} {_plain(complaint)}."


def _plain(complaint: str) -> str:
    """Pydantic's messages begin with `Input should be`; ours follow the name of the setting."""
    return re.sub(r"^Input should ", "should ", complaint[:1] + complaint[1:]).replace("Field required", "is missing")

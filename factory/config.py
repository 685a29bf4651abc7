"""Settings: flags, then the environment, then ./factory.toml, then the user's own config.toml, then the defaults.

Each value keeps the place it came from until it is checked, so that what is wrong is told with its place.
"""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo
from pydantic.fields import FieldInfo

from factory.config_docker import DockerSettings, OptionalSize
from factory.config_egress import EgressSettings
from factory.config_remote import RemoteSettings
from factory.config_sources import Found, gather
from factory.domain.durations import parse_duration
from factory.domain.engine_keys import KEYS, refusal
from factory.domain.gates import DEFAULT_SECONDS, MAX_COMMAND, MAX_GATES, MAX_NAME, MAX_SECONDS, Gate
from factory.domain.issue import PRIORITY_LABELS, PriorityName
from factory.errors import InvalidInput

_START_HEARTBEATS, _STALLED_HEARTBEATS = 12, 60
"""A worker that has not said HELLO by then will not: a process needs one beat, a cold clone of a big mirror several."""

_FROM_TEXT = "from text"

_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
_MAX_LABEL = 39

_HTTP_LISTEN = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(0|[1-9][0-9]{0,4})")
_LISTEN = re.compile(r"tcp://(\*|\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\*|[1-9][0-9]{0,4})")


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


def _engine_keys(value: object) -> object:
    if not isinstance(value, dict):
        return value
    for engine, names in value.items():
        if engine not in KEYS:
            raise ValueError(f"names {engine!r}, which is no engine; there are {', '.join(KEYS)}")
        for why in filter(None, map(refusal, names if isinstance(names, list | tuple) else ())):
            raise ValueError(f"cannot give it to workers: {why}")
    return value


def _endpoint(value: str) -> str:
    if value and not _LISTEN.fullmatch(value):
        raise ValueError("should be tcp://ADDRESS:PORT, as in tcp://0.0.0.0:7710 for all addresses of this machine")
    return value


def _address(value: str) -> str:
    if value and not _HTTP_LISTEN.fullmatch(value):
        raise ValueError("should be ADDRESS:PORT, as in 127.0.0.1:8080")
    return value


def _slug(value: str) -> str:
    if not _REPO.fullmatch(value):
        raise ValueError(f"should name repositories as owner/name, not {value[:80]!r}")
    return value


def _label(value: str) -> str:
    # GitHub takes fifty characters, and the longest answer adds eleven; a comma would name two labels.
    if not value.strip() or len(value) > _MAX_LABEL or "," in value or not value.isprintable():
        raise ValueError(f"should be a label of at most {_MAX_LABEL} characters without a comma")
    return value.strip()


def _folder(value: str) -> str:
    # Now, while the folder is known that it was written for.
    return str(Path(value).expanduser().absolute()) if value else ""


def _words(value: str) -> str:
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise ValueError(f"should be words as a shell splits them ({error})") from None
    return value if words else ""


def _dotted(value: object) -> object:
    """TOML reads `item.kill = "k"` as a table in a table; a name with a dot is what is meant."""
    if not isinstance(value, dict):
        return value
    inner = {f"{group}.{name}": key for group, names in value.items() if isinstance(names, dict) for name, key in names.items()}
    return {name: key for name, key in value.items() if not isinstance(key, dict)} | inner


class _OwnSettings(BaseModel):
    """All but those of containers. Times in seconds."""

    model_config = _VALUE | ConfigDict(use_attribute_docstrings=True)

    heartbeat: Annotated[PositiveDuration, Field(le=60)] = 5.0
    """H: leases, grace and silence are multiples of it. A silent worker is lost after 4H, its item queued again by 5H."""
    max_workers: Annotated[int, Field(ge=0, le=150)] = 2
    """Agents at once on this machine; 0 where all of them work on others."""
    daily_iterations: Annotated[int, Field(ge=0)] = 200
    """Runs of an agent a day."""
    cooldown: Duration = 60.0
    """Between the starts of two workers."""
    min_free_disk: OptionalSize = "1g"
    """What must be free where workers' folders are before one is started; of a small disk a tenth will do. Empty: never looked at."""
    loop_interval: PositiveDuration = 5.0
    """The slow poll that finds what no message told of."""

    max_attempts: Count = 3
    """Attempts that may fail by the agent's or a gate's fault."""
    max_setbacks: Count = 10
    """Attempts that may end by somebody else's fault (an outage, a dead worker) before a person is asked."""
    retry_stuck: bool = True
    """Whether a stuck attempt is followed by another one while there are attempts left."""
    attempt_backoff: Duration = 10.0
    """Before an attempt is repeated, at the most: doubled each time, and drawn at random below that, so that not all come at once."""
    setback_backoff: Duration = 2.0
    """The same before an attempt that nobody is to blame for."""
    backoff_cap: Duration = 900.0
    """What these two are doubled up to."""

    max_iterations: Count = 50
    """Runs of the agent in one attempt."""
    iteration_timeout: PositiveDuration = 3600.0
    """For one run of the agent."""
    stuck_after: Count = 3
    """Runs of the agent without progress, after which an attempt is stuck."""
    stop_grace: Duration = 5.0
    """From SIGTERM to SIGKILL, for an agent and all that it started."""
    start_timeout: PositiveDuration = Field(default_factory=lambda given: _START_HEARTBEATS * float(given.get("heartbeat", 5.0)))
    """Until a worker must have said that it works; 12 heartbeats where it is not set."""

    stalled_after: PositiveDuration = Field(default_factory=lambda given: _STALLED_HEARTBEATS * float(given.get("heartbeat", 5.0)))
    """After so long without progress a worker is shown as stalled; 60 heartbeats where it is not set. It is not ended for that."""

    listen: Annotated[str, AfterValidator(_endpoint)] = ""
    """Where operators on other machines are heard, as in `tcp://0.0.0.0:7710`, each by a key of `factory operator add`; empty: nowhere."""

    repos: Annotated[tuple[Annotated[str, AfterValidator(_slug)], ...], Field(max_length=200)] = ()
    """Repositories on GitHub whose labelled issues are taken up, as in `["owner/name"]`; needs GITHUB_TOKEN or a GitHub App."""
    intake_label: Annotated[str, AfterValidator(_label)] = "ai-factory"
    """The label that asks for it; those that answer are made of its name: `ai-factory-processing`, `-question`, `-done`, `-failed`."""
    poll_interval: Annotated[PositiveDuration, Field(ge=1, le=86_400)] = 60.0
    """Between two looks at a repository's issues; one that finds nothing new costs nothing of GitHub's limits."""
    intake_engine: Annotated[str, Field(pattern=r"^\S.{0,199}$")] = "claude"
    """The engine that works on issues."""
    priority_labels: dict[Annotated[str, Field(max_length=50)], PriorityName] = dict(PRIORITY_LABELS)
    """Label of an issue → priority; without any of them it is medium."""
    trusted_bots: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Programs whose label counts like that of a person who may write, by number (`id` in `gh api users/NAME%5Bbot%5D`), never by name."""
    inbox: Annotated[str, AfterValidator(_folder)] = ""
    """A folder whose Markdown files are taken up like issues; only you may write there. Empty: none."""

    http_listen: Annotated[str, AfterValidator(_address)] = ""
    """Where webhooks are taken in, as in `127.0.0.1:8080` behind a proxy; signed with GITHUB_WEBHOOK_SECRET of your environment; empty:
    nowhere, and what happens on GitHub is found by the next poll."""

    database_url: Annotated[str | None, Field(repr=False)] = None
    """An own PostgreSQL server, 15 or newer with pgvector; without it the embedded one is used. It may hold a password."""
    isolation: Literal["auto", "confined", "unconfined"] = "auto"
    """How workers are kept from this machine: as well as it can, or not without confinement, or not at all."""
    allow_unconfined: bool = False
    """Whether specs that no operator handed in may run in a plain process."""

    gates: Annotated[tuple[Gate, ...], BeforeValidator(_gates), Field(max_length=MAX_GATES)] = ()
    """Commands that say whether a result is good, for repositories that have none of their own in `.factory.toml`."""
    guarded_paths: tuple[str, ...] = ()
    """Beside those that are always guarded: a result that touches one needs a person's approval."""
    max_added_lines: Count = 20_000
    """Lines that a result may add without a person's approval."""
    max_files: Count = 500
    """Files that a result may touch without a person's approval."""
    max_file_bytes: Count = 5_000_000
    """Size of a file in a result, in bytes, that needs no person's approval."""

    follow_pulls: bool = True
    """Whether a pull request on GitHub is followed until it is merged or closed; else its item is done once it is opened."""
    follow_interval: Annotated[PositiveDuration, Field(ge=1)] = 30.0
    """Between two looks at a pull request in review; up to ten minutes while nothing happens to it."""
    max_reworks: Annotated[int, Field(ge=0)] = 3
    """Attempts that failed checks, reviews and conflicts of a pull request may ask for before a person has to see to it."""
    pull_labels: tuple[Annotated[str, Field(min_length=1, max_length=50)], ...] = ()
    """Labels for each pull request on GitHub."""
    auto_merge: Literal["", "merge", "squash", "rebase"] = ""
    """How the factory merges pull requests on which all checks have passed and that a person with write access approved; empty: it does
    not merge."""

    claude_bin: str = ""
    """Claude Code's program; without it `claude` on PATH."""
    claude_model: str = ""
    """The model that Claude Code uses, by name or alias; without it the program's own default."""
    claude_effort: Literal["", "low", "medium", "high", "xhigh", "max"] = ""
    """How much the model thinks; without it the program's own default."""
    claude_arguments: tuple[str, ...] = ()
    """Further arguments for Claude Code, as they are."""
    claude_silence: Annotated[PositiveDuration, Field(le=86_400)] = 900.0
    """Silence after which a run of Claude Code is ended as hung; after a tool's result a third of it, after its own result a thirtieth."""
    mcp: Annotated[dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")], dict[str, Any]], Field(repr=False)] = {}
    """MCP servers for Claude Code by name, each a table as its own configuration writes it; one may hold a key."""

    spec_model: Annotated[str, Field(min_length=1)] = "claude-sonnet-5-5"
    """The model that writes specs for issues, with ANTHROPIC_API_KEY of your environment; without that key specs are plain, and say so."""
    spec_max_tokens: Annotated[int, Field(ge=500, le=64_000)] = 8_000
    """The longest answer of that model."""
    spec_timeout: Annotated[PositiveDuration, Field(le=3_600)] = 300.0
    """For one try of a spec, by the model or by `spec_command`."""
    spec_command: Annotated[str, AfterValidator(_words)] = ""
    """A command that writes specs instead: it reads the issue as JSON and prints SPEC.md; it is given no credential."""

    engine_keys: Annotated[
        dict[str, tuple[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")], ...]], BeforeValidator(_engine_keys)
    ] = {}
    """Variables of your environment that an engine's workers get beside its usual keys, by engine: what your own agent logs in with."""

    keys: Annotated[
        dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(pattern=r"^[A-Za-z0-9_+@, ]{1,64}$")]], BeforeValidator(_dotted)
    ] = {}
    """Other keys for `factory-tui`, by the id of what they do, which `?` shows there; it reads them when it starts."""

    only: str | None = None
    """The one item that this factory works on: `factory run` leaves alone what else is queued."""


class Settings(EgressSettings, DockerSettings, RemoteSettings, _OwnSettings):
    """Everything that can be set. Picklable, so each process of the tree gets its copy.

    The sentence under a setting is also what `factory init` and the README say of it (`config_reference`).
    """


def is_duration(field: FieldInfo) -> bool:
    """Whether a setting is a time, which files write as text with a unit."""
    return any(isinstance(part, BeforeValidator) and part.func is _seconds for part in field.metadata)


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
    plain = re.sub(r"^Input should ", "should ", complaint).replace("Field required", "is missing")
    plain = re.sub(r"^should be a valid (integer|boolean|number|string).*", lambda found: f"should be {_KINDS[found[1]]}", plain)
    return plain.replace("greater than or equal to", "at least").replace("less than or equal to", "at most")


_KINDS = {"integer": "a whole number", "boolean": "true or false", "number": "a number", "string": "text"}

"""Messages between a worker agent and the factory. PROTOCOL.md says who MUST do what.

Each travels as one msgpack frame of at most `codec.MAX_FRAME` bytes inside an `Envelope`.
"""

from typing import Annotated, Any, Literal

import msgspec

from factory.protocol.version import VERSION

Verdict = Literal["adopt", "stop", "unknown_wait"]
Phase = Literal["starting", "cloning", "running", "gates", "bundling", "waiting", "done"]
AckResult = Literal["ok", "stale", "refused"]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Total = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""Numbers from a worker have the bounds of the columns that they end in; what is beyond is no message."""


class Message(msgspec.Struct, frozen=True, tag_field="t"):
    """Base of everything that travels on the worker link. Unknown fields are ignored, unknown tags are an error."""


class GateSpec(msgspec.Struct, frozen=True):
    """A command of the target repository that says whether a result is good.

    Attributes:
        command: run by `sh -c` inside the workspace, in the worker, never on the host.
        timeout: seconds.
    """

    name: str
    command: str
    timeout: float = 600.0
    required: bool = True


class EngineOptions(msgspec.Struct, frozen=True):
    """How the operator wants an engine to be run. What an engine does not know it ignores.

    Attributes:
        model: name or alias, empty for the engine's own default; `effort` likewise.
        mcp: servers by name, as the engine's own configuration writes them.
        arguments: added to the command line as they are.
        silence: seconds without a word after which a run is taken for hung, where the engine tells what it does.
    """

    model: str = ""
    effort: str = ""
    mcp: dict[str, dict[str, Any]] = {}
    arguments: tuple[str, ...] = ()
    silence: float = 900.0


class Hello(Message, frozen=True, tag="HELLO"):
    """First message of a session, and again whenever the factory says REJECT `unknown_session`.

    Attributes:
        boot: random per agent process, so that a restarted agent is told from a reconnected one.
        state: `idle` before ASSIGN, else `running`, `done` or `failed`.
        last_event: number of the last event made in this epoch, 0 for none.
        capabilities: what it understands beyond the first version: `notes`.
    """

    version: str
    boot: str
    state: Literal["idle", "running", "done", "failed"]
    last_event: Count = 0
    capabilities: tuple[str, ...] = ()


class Welcome(Message, frozen=True, tag="WELCOME"):
    """Answer to HELLO. `heartbeat` and `lease` in seconds; `resume_from` is the last event number stored."""

    sid: str
    heartbeat: float
    lease: float
    verdict: Verdict
    resume_from: int = 0


class Reject(Message, frozen=True, tag="REJECT"):
    """The session is not served. On `unknown_session` the agent says HELLO again; on any other code it exits."""

    code: Literal["unknown_session", "version", "revoked"]
    reason: str


class Assign(Message, frozen=True, tag="ASSIGN"):
    """The work. Sent after the claim has committed; the same (item, epoch) may arrive twice and means the same.

    Attributes:
        source: path or URL that git can clone from inside the worker.
        base_commit: the commit that the branch starts from.
        merge_commit: the base branch's commit where the attempt goes on with a branch of its own; empty where that starts from there.
        engine: `<name>:<argument>`, for example `command:/path/to/agent --flag`.
        previous: evidence of the attempt before, empty for the first.
        learnings: lines for `.ai/learnings.md`.
        locked: files already locked for this attempt.
        iteration_timeout: seconds for one run of the agent.
        stuck_after: iterations without progress that end the attempt.
    """

    title: str
    spec: str
    source: str
    branch: str
    base_branch: str
    base_commit: str
    engine: str
    gates: tuple[GateSpec, ...] = ()
    previous: str = ""
    learnings: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()
    max_iterations: int = 50
    iteration_timeout: float = 3600.0
    stuck_after: int = 3
    options: EngineOptions = EngineOptions()
    merge_commit: str = ""


class Accept(Message, frozen=True, tag="ACCEPT"):
    """Answer to ASSIGN, within two heartbeats, else the lease is given back."""


class Ping(Message, frozen=True, tag="PING"):
    """Sign of life, each heartbeat, from a thread of its own but only while the main loop's tick is fresh.

    `progress` rises whenever the work moves (output, file change, commit); `tokens` is cumulative for the attempt.
    """

    phase: Phase
    iteration: Count = 0
    progress: Total = 0
    tokens: Total = 0
    spooled: Total = 0
    noted: Count = 0
    """Number of the last NOTES that it has."""


class Pong(Message, frozen=True, tag="PONG"):
    """Answer to PING. The verdict is the store's; `lease` is what is left of it in seconds; `log_credit` in bytes."""

    verdict: Literal["continue", "drain", "stop"]
    lease: float
    log_credit: int = 1_048_576


MAX_EVENT_BYTES = 8 * 1024
"""Of one event's data as it travels, more of which nobody keeps: ours have some hundred bytes, a long error included."""


class Event(Message, frozen=True, tag="EVENT"):
    """Something that happened in the attempt. `number` runs 1, 2, 3 ... within the epoch; a repeat is a no-op.

    `kind` is `AGGREGATE.ACTION.STATUS`, for example `ATTEMPT.ITERATION.SUCCESS`.
    """

    number: Count
    kind: str
    data: dict[str, str | int | float | bool | None] = {}


class Lock(Message, frozen=True, tag="LOCK"):
    """All of `files` or none, for the life of the attempt. `id` pairs the answer with the request."""

    id: str
    files: tuple[str, ...]


class LockAnswer(Message, frozen=True, tag="LOCK_ANSWER"):
    """`holders` names who is in the way, as `file: worker`."""

    id: str
    granted: bool
    holders: tuple[str, ...] = ()


class Unlock(Message, frozen=True, tag="UNLOCK"):
    """Gives files back before the attempt ends."""

    id: str
    files: tuple[str, ...]


class Log(Message, frozen=True, tag="LOG"):
    """A piece of the attempt's log. Not acknowledged: over credit it is dropped and `gap` says how many bytes were."""

    stream: Literal["agent", "worker", "gate"]
    offset: Total
    data: bytes
    gap: Total = 0


class Done(Message, frozen=True, tag="DONE"):
    """The result is in the out-folder. Resent until acknowledged.

    Attributes:
        bundle: file name inside the out-folder.
        sha256: of the bundle, lower-case hexadecimal.
        last_event: every event up to this number must be stored before DONE is accepted.
    """

    bundle: str
    sha256: str
    size: Total
    commit: str
    commits: Count
    iterations: Count
    tokens: Total
    files_changed: Count
    last_event: Count
    learnings: tuple[str, ...] = ()


class Fail(Message, frozen=True, tag="FAIL"):
    """No result. `failure` is a class of DESIGN.md section 5, or `stuck`. Resent until acknowledged."""

    failure: Literal["agent", "gate", "infra", "auth", "quota", "policy", "no_space", "stuck"]
    reason: str
    evidence: str = ""
    iterations: Count = 0
    tokens: Total = 0
    last_event: Count = 0
    retry_after: Annotated[float, msgspec.Meta(ge=0, le=2_592_000)] = 0.0
    """Seconds until a limit opens again, 0 where nobody said; for `quota` and for outages of the model's provider."""
    holds: Literal["", "account", "credits", "login"] = ""
    """What is shut for every worker of this engine: the account until `retry_after`, or until a person has paid or logged in."""


class Notes(Message, frozen=True, tag="NOTES"):
    """What operators want the agent to read, oldest first: all there are for it, instead of those before. For agents that say so in HELLO.

    Attributes:
        number: of the latest; a PING that tells a lower one gets them again.
    """

    number: int
    notes: tuple[str, ...]


class Ack(Message, frozen=True, tag="ACK"):
    """The peer's message `seq` is durable (`ok`), came too late (`stale`: stop and exit) or was refused."""

    seq: int
    result: AckResult
    reason: str = ""


class Stop(Message, frozen=True, tag="STOP"):
    """End the agent within `grace` seconds. A courtesy: the host kills in any case."""

    reason: str
    grace: float


FromAgent = Hello | Accept | Ping | Event | Lock | Unlock | Log | Done | Fail
ToAgent = Welcome | Reject | Assign | Pong | LockAnswer | Notes | Ack | Stop


class Envelope(msgspec.Struct, frozen=True):
    """What surrounds each message of an agent.

    Attributes:
        seq: the sender's counter within the session, raised for each message that wants an ACK; 0 for those that do not.
        sid: the session of the last WELCOME, empty before it.
    """

    item: str
    epoch: Count
    body: FromAgent
    seq: Total = 0
    sid: str = ""
    v: str = VERSION


class Answer(msgspec.Struct, frozen=True):
    """What surrounds each message to an agent."""

    item: str
    epoch: int
    body: ToAgent
    v: str = VERSION

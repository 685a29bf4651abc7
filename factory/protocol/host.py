"""The wire between a factory and the hosts of its remote workers; its conduct is section 6 of PROTOCOL.md.

Two connections under the host's own key: one for control, one for pieces of files, so that no bundle delays a beat. Every
message but the first of each connection carries the `sid` of the session; what carries another one is of a session that is over.
"""

from typing import Literal

import msgspec

from factory.protocol.version import VERSION

MAX_WORKERS = 300
"""States in one beat."""

MAX_HAVES = 64
"""Commits by which a host says what of a repository it has."""

Verb = Literal["start", "stop", "remove", "collect"]
Trouble = Literal["", "unavailable", "conflict", "invalid", "no_result"]


class HostMessage(msgspec.Struct, frozen=True, tag_field="t"):
    """Base of all messages of this link."""


class Facts(msgspec.Struct, frozen=True):
    """What a host says of itself. `memory` in MiB.

    Attributes:
        alone: engines that can work there in a worker without a network, let out by the host itself. Empty where none can be made, and
            of hosts that know nothing of it.
    """

    engines: tuple[str, ...] = ()
    cores: int = 0
    memory: int = 0
    capacity: int = 1
    isolation: str = "unconfined"
    version: str = ""
    alone: tuple[str, ...] = ()


class WorkerState(msgspec.Struct, frozen=True):
    """A worker as its host sees it. `waits`: its source is still on its way, and it does not run yet. `full`: a disk is; it never will."""

    name: str
    life: Literal["running", "exited", "gone"]
    pid: int | None = None
    code: int | None = None
    reason: str = ""
    waits: bool = False
    full: bool = False


class WorkerCounts(msgspec.Struct, frozen=True):
    """What a worker has used of its machine until a reading of the host's, as in `domain.meter.Counts`. `at` is on the host's own clock."""

    at: float
    cpu_seconds: float
    memory: int
    memory_limit: int
    pids: int


class Source(msgspec.Struct, frozen=True):
    """What a worker clones from: these commits, with their history, of the repository that `key` (32 hexadecimal digits) stands for."""

    key: str
    commits: tuple[str, ...]


# -- enrolment, on a bind of its own ----------------------------------------------------------------------------------


class Join(HostMessage, frozen=True, tag="join"):
    """Host → factory: the token of a join line, in lower-case hexadecimal. The key is that of the connection."""

    token: str
    facts: Facts = Facts()
    v: str = VERSION


class Joined(HostMessage, frozen=True, tag="joined"):
    """Factory → host: the key is enrolled under this name for `expires_in` seconds. `port`: where the link is, at the same address."""

    name: str
    port: int
    expires_in: float


class JoinRefused(HostMessage, frozen=True, tag="join_refused"):
    """Factory → host: one sentence. `retry_after` in seconds where trying again may help."""

    reason: str
    retry_after: float = 0.0


# -- session ----------------------------------------------------------------------------------------------------------


class HostHello(HostMessage, frozen=True, tag="hello"):
    """Host → factory, first on the control connection and each H until WELCOME. `boot` is the host process's own."""

    boot: str
    facts: Facts = Facts()
    v: str = VERSION


class HostWelcome(HostMessage, frozen=True, tag="welcome"):
    """Factory → host. `heartbeat` is H and `expires_in` the life of the key, both in seconds; no clock is compared with another."""

    sid: str
    heartbeat: float
    expires_in: float
    v: str = VERSION


class HostReject(HostMessage, frozen=True, tag="reject"):
    """Factory → host. `unknown_session`: say HELLO. `version`: this host cannot work for this factory."""

    code: Literal["unknown_session", "version"]
    reason: str = ""


class DataHello(HostMessage, frozen=True, tag="data_hello"):
    """Host → factory, first on the second connection and each H: pieces of files go this way."""

    sid: str


class HostBeat(HostMessage, frozen=True, tag="beat"):
    """Host → factory each H: all its workers. `seq` rises with each beat of a session; one that does not is dropped.

    `counts`: the latest readings, by worker, of those whose use can be read there. `full`: its disk is, nearly; it takes no more for now.
    """

    sid: str
    seq: int
    workers: tuple[WorkerState, ...] = ()
    counts: dict[str, WorkerCounts] = {}
    full: bool = False


class HostPong(HostMessage, frozen=True, tag="pong"):
    """Factory → host: the beat was heard."""

    sid: str
    seq: int
    expires_in: float


class NewKey(HostMessage, frozen=True, tag="new_key"):
    """Host → factory, at half the life of its key: the public half (Z85) of the one that follows. Repeated until KEY_TAKEN."""

    sid: str
    public_key: str


class KeyTaken(HostMessage, frozen=True, tag="key_taken"):
    """Factory → host: both keys are good now; the one before ends when the new one is first used."""

    sid: str
    public_key: str


# -- orders -----------------------------------------------------------------------------------------------------------


class HostOrder(HostMessage, frozen=True, tag="order"):
    """Factory → host: one call of the port `WorkerHost`, repeated until its DONE. Carrying it out twice changes nothing.

    Attributes:
        files: name → content for the worker's `in` folder. In `link.json` the host puts its own socket and its copy of the source, in
            `egress.json` the socket of its way out and the secret of the worker.
        readable: paths that the engine names; the host gives those that it has.
        alone: the worker has no network. A host that cannot make such a one makes none.
        grace: seconds, of stop.
        file, limit: of collect; bytes.
    """

    sid: str
    id: str
    verb: Verb
    worker: str
    arguments: tuple[str, ...] = ()
    files: dict[str, bytes] = msgspec.field(default_factory=dict)
    environment: tuple[tuple[str, str], ...] = ()
    readable: tuple[str, ...] = ()
    source: Source | None = None
    grace: float = 0.0
    file: str = ""
    limit: int = 0
    alone: bool = False


class HostDone(HostMessage, frozen=True, tag="done"):
    """Host → factory: what an order came to. `size` in bytes and `sha256` of what collect found; it is then fetched with GET.

    `full`: the trouble is that the host's disk is.
    """

    sid: str
    id: str
    state: WorkerState | None = None
    trouble: Trouble = ""
    reason: str = ""
    size: int = 0
    sha256: str = ""
    full: bool = False


# -- files, on the second connection ----------------------------------------------------------------------------------


class WantSource(HostMessage, frozen=True, tag="want_source"):
    """Host → factory: a worker waits for its source; `haves` are commits that are here. Repeated until an answer.

    Of which repository is the worker's lease to say, not the host.
    """

    sid: str
    worker: str
    commits: tuple[str, ...]
    haves: tuple[str, ...] = ()


class SourceReady(HostMessage, frozen=True, tag="source_ready"):
    """Factory → host: a git bundle that lacks what follows from `haves`, to be fetched with GET."""

    sid: str
    worker: str
    parcel: str
    size: int
    sha256: str


class SourceFailed(HostMessage, frozen=True, tag="source_failed"):
    """Factory → host: there will be no source for this worker. `full`: since the factory's disk is."""

    sid: str
    worker: str
    reason: str
    full: bool = False


class Get(HostMessage, frozen=True, tag="get"):
    """Receiver → sender: `count` pieces from `offset` on. This is the credit: nothing is sent without."""

    sid: str
    parcel: str
    offset: int
    count: int


class Chunk(HostMessage, frozen=True, tag="chunk"):
    """Sender → receiver: at most `chunks.CHUNK_BYTES`."""

    sid: str
    parcel: str
    offset: int
    data: bytes


# -- the way out of workers without a network -------------------------------------------------------------------------


class HostLetOut(HostMessage, frozen=True, tag="let_out"):
    """Factory → host: for `seconds` from now the worker may go out by these terms; said again with every beat of its actor.

    Attributes:
        terms: stands for what TERMS tells, and changes with it.
        model: whether the worker may call the model.
        token_cap, micros_cap: of the attempt, 0 where there is none. Money is in millionths of a US dollar.
        tokens, micros, calls: what the factory knows that the attempt has used.
    """

    sid: str
    worker: str
    seconds: float
    terms: str
    model: bool = False
    token_cap: int = 0
    micros_cap: int = 0
    tokens: int = 0
    micros: int = 0
    calls: int = 0


class WantTerms(HostMessage, frozen=True, tag="want_terms"):
    """Host → factory: LET_OUT named terms that the host has not got, or has no longer."""

    sid: str
    worker: str
    terms: str


class HostTerms(HostMessage, frozen=True, tag="terms"):
    """Factory → host: by what one worker is let out. The host keeps it in the memory of that worker's way out, and nowhere else.

    Attributes:
        allowed, private: as in the settings `egress_allow` and `egress_private`.
        url: of the model's provider; `key` is added to each call; `token` is the only one that the worker may show, where there is no key.
    """

    sid: str
    worker: str
    terms: str
    allowed: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    url: str = ""
    key: str = ""
    token: str = ""

    def __repr__(self) -> str:
        return f"HostTerms({self.worker!r}, {self.terms!r})"


class HostOutlay(HostMessage, frozen=True, tag="outlay"):
    """Host → factory, at once and each H until OUTLAY_KEPT: all that became of a worker's way out so far.

    Attributes:
        number: rises with each change.
        blocked: hosts that it was not let to.
        over: why its model is called no more, empty while it may be; `refused` calls were not made for it.
    """

    sid: str
    worker: str
    number: int
    tokens: int = 0
    micros: int = 0
    calls: int = 0
    blocked: tuple[str, ...] = ()
    over: str = ""
    refused: int = 0


class OutlayKept(HostMessage, frozen=True, tag="outlay_kept"):
    """Factory → host: what the outlay of this number told is stored, or is nobody's concern."""

    sid: str
    worker: str
    number: int


FromJoiner = Join
ToJoiner = Joined | JoinRefused
FromHost = HostHello | DataHello | HostBeat | NewKey | HostDone | WantSource | Get | Chunk | WantTerms | HostOutlay
ToHost = (
    HostWelcome
    | HostReject
    | HostPong
    | KeyTaken
    | HostOrder
    | SourceReady
    | SourceFailed
    | Get
    | Chunk
    | HostLetOut
    | HostTerms
    | OutlayKept
)

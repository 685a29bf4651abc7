"""The factory's side of one agent's link, over the real socket with real keys; it answers as the worker actor does."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from factory.domain.locks import in_the_way
from factory.protocol.codec import Decoder, encode
from factory.protocol.worker import (
    Accept,
    Ack,
    AckResult,
    Answer,
    Assign,
    Done,
    Envelope,
    Event,
    Fail,
    FromAgent,
    Hello,
    Lock,
    LockAnswer,
    Log,
    Ping,
    Pong,
    ToAgent,
    Welcome,
)
from factory.transport.curve import KeyPair
from factory.transport.worker_link import WorkerLink
from tests.waiting import eventually

H = 1.0
EPOCH = 1
_decode: Decoder[Envelope] = Decoder(Envelope)
M = TypeVar("M", bound=FromAgent)


@dataclass
class FactoryPeer:
    """Works only while `turn` is called, which every wait of a test does.

    Attributes:
        ack: what reliable messages are answered with; None: they are not.
        verdict: of every PONG.
        holders: of files, by their names; `lock_result` is what a LOCK is acknowledged with.
    """

    folder: Path
    item: str
    heartbeat: float = H
    keys: KeyPair = field(default_factory=KeyPair.generate)
    agent_keys: KeyPair = field(default_factory=KeyPair.generate)
    assign: Assign | None = None
    ack: AckResult | None = "ok"
    verdict: str = "continue"
    holders: dict[str, str] = field(default_factory=dict)
    lock_result: AckResult = "ok"
    heard: list[Envelope] = field(default_factory=list)
    sessions: int = 0
    link: WorkerLink | None = None

    @property
    def worker(self) -> str:
        return f"{self.item}-{EPOCH}"

    @property
    def endpoint(self) -> str:
        return f"ipc://{self.folder}/link.sock"

    def open(self) -> None:
        self.link = WorkerLink(self.endpoint, self.keys, H)
        self.link.enrol(self.worker, self.agent_keys.public)

    def close(self) -> None:
        if self.link is not None:
            self.link.close()
            self.link = None

    def write_link_files(self, inbox: Path) -> None:
        told = {"endpoint": self.endpoint, "server_key": self.keys.public, "item": self.item, "epoch": EPOCH, "heartbeat": H}
        (inbox / "link.json").write_bytes(msgspec.json.encode(told))
        (inbox / "link.key").write_bytes(self.agent_keys.dump())

    def turn(self) -> None:
        """Answers what has come."""
        for received in self.link.drain() if self.link else ():
            envelope = _decode(received.payload)
            self.heard.append(envelope)
            for answer in self._answers(envelope):
                self.send(answer)

    def send(self, body: ToAgent) -> None:
        assert self.link is not None
        self.link.send(self.worker, encode(Answer(self.item, EPOCH, body)))

    def of(self, kind: type[M]) -> list[M]:
        return [envelope.body for envelope in self.heard if isinstance(envelope.body, kind)]

    def wait_for(self, kind: type[M], seconds: float = 60.0) -> M:
        def found() -> list[M]:
            self.turn()
            return self.of(kind)

        return eventually(found, seconds, what=lambda: f"a {kind.__name__}, heard {self.heard[-5:]}")[-1]

    def wait_for_exit(self, process: "subprocess.Popen[bytes]", seconds: float = 60.0) -> int:
        def gone() -> bool:
            self.turn()
            return process.poll() is not None

        eventually(gone, seconds, what=lambda: f"the agent to leave, heard {self.heard[-5:]}")
        return process.returncode

    def log(self, stream: str) -> bytes:
        return b"".join(log.data for log in self.of(Log) if log.stream == stream)

    def _answers(self, envelope: Envelope) -> list[ToAgent]:
        match envelope.body:
            case Hello():
                self.sessions += 1
                stored = max((event.number for event in self.of(Event)), default=0) if self.ack == "ok" else 0
                welcome = Welcome(f"s{self.sessions}", self.heartbeat, 3 * self.heartbeat, "adopt", stored)
                return [welcome, self.assign] if self.assign else [welcome]
            case Ping():
                return [Pong(self.verdict, 3 * H)]  # type: ignore[arg-type] # one of the three words
            case Lock(id, files):
                ack, held = Ack(envelope.seq, self.lock_result), in_the_way(files, self.holders, self.worker)
                return [LockAnswer(id, not held, held), ack] if self.lock_result == "ok" else [ack]
            case Accept() | Event() | Done() | Fail() if self.ack:
                return [Ack(envelope.seq, self.ack)]
            case _:
                return []


def start_agent(folder: Path, worker: str) -> "subprocess.Popen[bytes]":
    """As the process host does."""
    environment = {"PATH": os.environ["PATH"], "FACTORY_WORKER_DIR": str(folder), "FACTORY_WORKER": worker}
    return subprocess.Popen(
        [sys.executable, "-I", "-m", "worker_agent", "run"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )

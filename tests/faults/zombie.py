"""A worker that was given up and comes back with its own key: it speaks the agent's side of the protocol, and only that."""

import shutil
import time
from pathlib import Path
from typing import Any

import msgspec

from factory.clock import SystemClock
from factory.protocol.worker import FromAgent, ToAgent
from factory.transport.agent_link import AgentLink, LinkConfig
from worker_agent.agent import LinkFile
from worker_agent.session import Session


class Identity:
    """What lets a worker be that worker: copied while it lives, since its folder goes with it."""

    def __init__(self, worker_folder: Path, keep: Path) -> None:
        shutil.copytree(worker_folder / "in", keep)
        self.keep = keep
        self.told = msgspec.json.decode((keep / "link.json").read_bytes(), type=LinkFile)


class Returned:
    """The zombie itself. Close it."""

    def __init__(self, identity: Identity) -> None:
        told = identity.told
        session = Session(told.item, told.epoch, "zombie", told.heartbeat, SystemClock().monotonic(), state="running", accepted=True)
        self._link: AgentLink[Any] = AgentLink(
            LinkConfig(told.endpoint, told.server_key, identity.keep / "link.key"), session, SystemClock()
        )
        self._link.start()

    def says(self, *bodies: FromAgent) -> None:
        for body in bodies:
            self._link.send(body)

    def hears(self, seconds: float) -> list[ToAgent]:
        """All that the factory tells it in that time."""
        end, heard = time.monotonic() + seconds, list[ToAgent]()
        while (left := end - time.monotonic()) > 0:
            self._link.tick()
            body = self._link.receive(min(left, 0.1))
            if body is not None:
                heard.append(body)
        return heard

    def close(self) -> None:
        self._link.close(0)

"""A gateway in a process of its own, as it is attacked: the real actor on real sockets under its real cap, and an actor of workers that
answers each message with itself. `python -m tests.faults.lone_gateway FOLDER`; workers and their keys as JSON come by the standard input.

It prints one line of JSON: where it listens, where machines enrol, and its public key. It ends when its standard input does.
"""

import json
import resource
import sys
from pathlib import Path

from actors.gateway import Gateway
from factory.clock import SystemClock
from factory.protocol.gateway_mail import Enrolled, Enrolment, Inbound, Outbound
from factory.transport.curve import KeyPair
from factory.transport.enrol_desk import EnrolDesk
from factory.transport.loop import Loop
from factory.transport.worker_link import WorkerLink
from factory.wiring_actors import GATEWAY_MEMORY
from factory.wiring_remote import GATEWAY_FILES

HEARTBEAT = 1.0
_TURN = 0.05


class Echo:
    """The mailbox: the queue knows the keys, and whoever looks after a worker says back what it said."""

    def __init__(self, keys: dict[str, str]) -> None:
        self._keys, self.said = keys, list[Outbound]()

    def tell(self, _address: str, mail: object) -> bool:
        if isinstance(mail, Inbound):
            self.said.append(Outbound(mail.lease, mail.frame))
        return True

    def ask(self, _address: str, mail: object, _timeout: float) -> object:
        assert isinstance(mail, Enrolled)
        return Enrolment(self._keys)


class _Input:
    def pollable(self) -> int:
        return sys.stdin.fileno()


def main(folder: Path) -> None:
    workers = json.loads(sys.stdin.readline())
    resource.setrlimit(resource.RLIMIT_DATA, (GATEWAY_MEMORY, GATEWAY_MEMORY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (GATEWAY_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    keys, echo = KeyPair.generate(), Echo(workers)
    link = WorkerLink(f"ipc://{folder}/gateway.sock", keys, HEARTBEAT, listen="tcp://127.0.0.1:*")
    desk = EnrolDesk("tcp://127.0.0.1:*", keys, link.admission)
    actor = Gateway(mailbox=echo, clock=SystemClock(), link=link, heartbeat=HEARTBEAT, enrolment=desk)
    actor.on_start()
    print(json.dumps({"link": link.listening, "enrol": desk.endpoint, "key": keys.public}), flush=True)  # noqa: T201 - what its parent waits for
    _turn(actor, echo)
    actor.on_stop()


def _turn(actor: Gateway, echo: Echo) -> None:
    loop, until = Loop(), _Input()
    for source in (until, *actor.sources()):
        loop.add(source)
    while until not in (ready := loop.wait(_TURN)):
        for source in ready:
            actor.on_ready(source)
        said, echo.said = echo.said, []
        for mail in said:
            actor.on_mail(mail)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

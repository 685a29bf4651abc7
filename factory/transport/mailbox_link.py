"""Mail between the actors' processes: each has one inbox, a socket file under its name in the run folder.

A message told waits in the sender's socket while its receiver is being restarted. What a killed receiver had
taken or the system had under way is lost; whoever sent it sends it again on its tick.
"""

import re
import resource
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

from factory.errors import ActorUnavailable, InvalidInput
from factory.protocol import mailbox
from factory.protocol.codec import BadMessage, Decoder, encode
from factory.transport import sockets
from factory.transport.exchange import DRAIN_MOST, Caller, Desk, ReplyTo

MAX_CALLERS = 1_024
"""Open sockets of a client: all fixed actors and a thousand workers. Whoever speaks to more of them in turn makes one for each message."""

_FILES_PER_CALLER = 4
"""Of the files that the process may have open: a socket takes two, and as many stay for all else."""

SWEEP_EVERY = 64
"""Least uses of a client between two looks for sockets to actors that have gone: a look at each file takes microseconds, and an actor
that has nothing to say to anybody new would keep the sockets of all workers that it ever spoke to."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Letter(NamedTuple):
    """Mail that came in. `reply_to` is None where no answer is wanted."""

    mail: Any
    reply_to: ReplyTo | None


class MailboxServer:
    """An actor's inbox.

    Args:
        run_dir: the factory's run folder.
        name: the actor's address.
        kind: the union of what the actor understands, one of those at the end of `protocol.mailbox`.

    Attributes:
        bad: messages that were none of these, and were dropped.
    """

    def __init__(self, run_dir: Path, name: str, kind: Any) -> None:  # noqa: ANN401 - a union has no static type
        path = mailbox_path(run_dir, name)
        sockets.make_folder(path.parent)
        self._decode = Decoder[Any](kind)
        self._desk = Desk(path)
        self._undecodable = 0

    @property
    def bad(self) -> int:
        return self._desk.bad + self._undecodable

    def pollable(self) -> sockets.Socket:
        return self._desk.pollable()

    def drain(self, most: int = DRAIN_MOST) -> list[Letter]:
        """The mail that is there, at most `most` letters, in the order in which each sender sent it."""
        letters = []
        for reply_to, payload in self._desk.drain(most):
            try:
                letters.append(Letter(self._decode(payload), reply_to))
            except BadMessage:
                self._undecodable += 1
        return letters

    def reply(self, reply_to: ReplyTo, mail: object) -> None:
        """Answers an ask. Dropped where the asker has gone."""
        self._desk.reply(reply_to, encode(mail))

    def close(self) -> None:
        self._desk.close()


class MailboxClient:
    """Implements `ports.Mailbox` over the socket files, for one thread at a time."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._decode = Decoder[mailbox.Mail](mailbox.Answers)
        self._callers: OrderedDict[str, Caller] = OrderedDict()
        self._until_sweep = SWEEP_EVERY

    def tell(self, address: str, mail: object) -> bool:
        """Raises `BadMessage` for mail that is too large for the wire."""
        payload = encode(mail)
        if not self._path(address).exists():
            self._forget(address)
            return False
        return self._caller(address).tell(payload)

    def ask(self, address: str, mail: object, timeout: float) -> mailbox.Mail:
        """An actor that has not bound its inbox yet is waited for, too.

        What was asked may be carried out although `ActorUnavailable` was raised, also later: ask what may be repeated.
        """
        answer = self._caller(address).ask(encode(mail), timeout)
        if answer is None:
            if not self._path(address).exists():
                self._forget(address)
            raise ActorUnavailable(f"The actor {address} did not answer within {timeout:g} s.")
        return self._decode(answer)

    def close(self) -> None:
        for caller in self._callers.values():
            caller.close()
        self._callers.clear()

    def _path(self, address: str) -> Path:
        caller = self._callers.get(address)
        return mailbox_path(self._run_dir, address) if caller is None else caller.path

    def _caller(self, address: str) -> Caller:
        self._until_sweep -= 1
        if self._until_sweep <= 0:
            self._sweep(address)
            # As many looks at files as uses: a sweep of a thousand every few messages would be most of the work.
            self._until_sweep = max(SWEEP_EVERY, len(self._callers))
        caller = self._callers.get(address)
        if caller is None:
            self._make_room()
            caller = self._callers[address] = Caller(mailbox_path(self._run_dir, address))
        self._callers.move_to_end(address)
        return caller

    def _make_room(self) -> None:
        # The actors of ended workers first.
        self._sweep()
        most = most_callers(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        while len(self._callers) >= most:
            _, oldest = self._callers.popitem(last=False)
            oldest.close()

    def _sweep(self, wanted: str = "") -> None:
        """Closes sockets without a listener, which keep zmq's thread trying; not the one that is about to be used."""
        for address in [name for name, caller in self._callers.items() if name != wanted and not caller.path.exists()]:
            self._forget(address)

    def _forget(self, address: str) -> None:
        caller = self._callers.pop(address, None)
        if caller is not None:
            caller.close(drop=True)


def most_callers(files: int) -> int:
    """Sockets of a client in a process that may have so many files open."""
    if files == resource.RLIM_INFINITY:
        return MAX_CALLERS
    return max(1, min(MAX_CALLERS, files // _FILES_PER_CALLER))


def mailbox_path(run_dir: Path, name: str) -> Path:
    """The socket file of an actor. Raises `InvalidInput` for a name that could leave the folder."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} cannot be the name of an actor.")
    return inbox_folder(run_dir) / f"{name}.sock"


def inbox_folder(run_dir: Path) -> Path:
    """Where the sockets of all actors are."""
    return run_dir / "actors"


def remove_mailbox(run_dir: Path, name: str) -> None:
    """Removes the inbox of an actor that was killed and will not be started again: who tells it something learns so."""
    mailbox_path(run_dir, name).unlink(missing_ok=True)

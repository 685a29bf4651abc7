"""Asking a process how its actor does, beside its inbox: an inbox that is full, or read by nobody because of a long turn, hides nothing."""

from pathlib import Path

from factory.protocol.codec import BadMessage, Decoder, encode
from factory.protocol.supervisor_mail import Vitals
from factory.transport import sockets
from factory.transport.exchange import Caller, Desk
from factory.transport.mailbox_link import mailbox_path

_QUESTION = b"?"


def health_path(run_dir: Path, name: str) -> Path:
    """The socket beside an actor's inbox. As long as that path: what fits there fits here."""
    return mailbox_path(run_dir, name).with_suffix(".beat")


class HealthDesk:
    """The process's end: answers whoever asks."""

    def __init__(self, run_dir: Path, name: str) -> None:
        path = health_path(run_dir, name)
        sockets.make_folder(path.parent)
        self._desk = Desk(path)

    def pollable(self) -> sockets.Socket:
        return self._desk.pollable()

    def answer(self, vitals: Vitals) -> None:
        """Answers all who have asked."""
        payload = encode(vitals)
        for reply_to, _ in self._desk.drain():
            if reply_to is not None:
                self._desk.reply(reply_to, payload)

    def close(self) -> None:
        self._desk.close()


class HealthLine:
    """The supervisor's end, to one process. Nothing in it waits."""

    def __init__(self, run_dir: Path, name: str) -> None:
        self._caller = Caller(health_path(run_dir, name))
        self._decode = Decoder[Vitals](Vitals)

    def pollable(self) -> sockets.Socket:
        return self._caller.pollable()

    def ask(self) -> None:
        """Asks; a question that cannot be sent now is one that gets no answer."""
        self._caller.post(_QUESTION)

    def collect(self) -> Vitals | None:
        """The newest answer that has come in. What is none is dropped."""
        newest = None
        while (answer := self._caller.collect()) is not None:
            try:
                newest = self._decode(answer[1])
            except BadMessage:
                continue
        return newest

    def close(self) -> None:
        self._caller.close(drop=True)


def remove_health(run_dir: Path, name: str) -> None:
    """Removes the socket of a process that was killed and will not be started again."""
    health_path(run_dir, name).unlink(missing_ok=True)

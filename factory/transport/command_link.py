"""The factory's side of the command socket; `command_client` is the operator's."""

from pathlib import Path

from factory.protocol.codec import BadMessage, Decoder, encode
from factory.protocol.commands import AnyRequest, Reply
from factory.transport import sockets
from factory.transport.command_client import commands_path
from factory.transport.exchange import DRAIN_MOST, Desk, ReplyTo

_TOO_LARGE = Reply(code="refused", reason="The answer would be larger than one message: ask for less with a limit.")


class CommandServer:
    """The command socket: mode 0600, in the run folder. Whoever can open it is the operator.

    Attributes:
        bad: requests that could not be understood; they were answered `invalid`.
    """

    def __init__(self, run_dir: Path) -> None:
        sockets.make_folder(run_dir)
        self._decode = Decoder[AnyRequest](AnyRequest)
        self._desk = Desk(commands_path(run_dir))
        self.bad = 0

    def pollable(self) -> sockets.Socket:
        return self._desk.pollable()

    def drain(self, most: int = DRAIN_MOST) -> list[tuple[ReplyTo, AnyRequest]]:
        """The requests that are there, each to be answered by `reply`; what is no request has been answered already."""
        requests = []
        for reply_to, payload in self._desk.drain(most):
            if reply_to is None:  # everything here has an answer: somebody speaks another protocol
                self.bad += 1
                continue
            try:
                requests.append((reply_to, self._decode(payload)))
            except BadMessage as error:
                self.bad += 1
                self.reply(reply_to, Reply(code="invalid", reason=f"This factory does not understand the request: {error}"))
        return requests

    def reply(self, reply_to: ReplyTo, reply: Reply) -> None:
        """Answers; a reply too large for the wire becomes a refusal that says so."""
        try:
            frame = encode(reply)
        except BadMessage:
            frame = encode(_TOO_LARGE)
        self._desk.reply(reply_to, frame)

    def close(self) -> None:
        self._desk.close()

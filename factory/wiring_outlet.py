"""`python -m factory.wiring_outlet FOLDER WORKER`: the process that lets one worker of another machine out, on that machine.

Its terms, and the key with them, come through its standard input, a socket; what the worker uses goes back the same way. It ends with
whoever holds the other end.
"""

import logging
import resource
import select
import signal
import socket
import sys
from pathlib import Path

from factory.domain.budget import Caps, Spend
from factory.domain.egress import parse_network, parse_rule
from factory.egress_ports import Grant, WayOutServer
from factory.errors import Broken
from factory.integrations.egress_model import ModelAccess
from factory.integrations.egress_server import EgressServer, Rules
from factory.protocol.codec import Decoder, encode
from factory.protocol.host import HostLetOut, HostTerms
from factory.transport.framed import Framed
from factory.worker_host.account import Account, held
from factory.worker_host.home import Home

log = logging.getLogger(__name__)

_MEMORY = 512 * 1024 * 1024
"""Bytes of data: what one worker may have it keep at once, and room. Beyond it the process ends and is made anew."""
_LOOK_SECONDS = 1.0


def main(arguments: list[str]) -> int:
    """Exit codes: 0 nobody holds the other end any more, 1 broken."""
    folder, worker = arguments
    _confine()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    home, line = Home(Path(folder)), Framed(socket.socket(fileno=sys.stdin.fileno()))
    # The one before may still be writing down its last word.
    with held(home.account(worker)):
        try:
            return _serve(home, worker, line)
        except Broken as error:
            log.error("%s", error)  # noqa: TRY400 - a sentence
            return 1


def _serve(home: Home, worker: str, line: Framed) -> int:
    account = Account.load(home.account(worker), worker)
    if account.told.number:
        # The one before may have had nobody any more to tell its last word to.
        line.send(encode(account.told))
    server: WayOutServer | None = None
    decode: Decoder[HostTerms | HostLetOut] = Decoder(HostTerms | HostLetOut)
    while not line.is_over and (server is None or server.is_alive()):
        _wait(line, server)
        for said in map(decode, line.receive()):
            if isinstance(said, HostTerms):
                server = _opened(home, worker, said)
            elif server is not None:
                server.grant(_grant(said, account.spent))
        if server is not None:
            _tell(server, account, line)
    if server is None:
        return 0
    was_alive = server.is_alive()
    server.stop()
    _tell(server, account, line)
    return 0 if was_alive else 1


def _opened(home: Home, worker: str, terms: HostTerms) -> EgressServer:
    rules = Rules(tuple(map(parse_rule, terms.allowed)), tuple(map(parse_network, terms.private)))
    server = EgressServer(home.way_out(worker), home.out_key(), rules, ModelAccess(terms.url, terms.key, terms.token))
    log.info("worker %s is let out at %s", worker, server.start())
    return server


def _grant(said: HostLetOut, counted: Spend) -> Grant:
    spent = counted.at_least(Spend(said.tokens, said.micros, said.calls))
    return Grant(said.worker, said.model, Caps(said.token_cap, said.micros_cap), spent, said.seconds)


def _tell(server: WayOutServer, account: Account, line: Framed) -> None:
    for outlay in server.news():
        told = account.note(outlay)
        if told is not None:
            line.send(encode(told))


def _wait(line: Framed, server: WayOutServer | None) -> None:
    poller = select.poll()
    poller.register(line, select.POLLIN | (select.POLLOUT if line.unsent else 0))
    if server is not None:
        poller.register(server.pollable(), select.POLLIN)
    poller.poll(_LOOK_SECONDS * 1000)


def _confine() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    # The key must not be in a file because this process crashed.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Whoever made this process says when it ends; a signal to all of them must not have it end before its last word.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

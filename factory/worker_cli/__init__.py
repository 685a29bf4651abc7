"""The command line of a machine of remote workers. `join` once, with the line that `factory worker enroll` prints; then `run`."""

import argparse
import logging
import os
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from factory.cli.exits import code_of
from factory.cli.unit_file import unit_file
from factory.errors import Broken, FactoryError
from factory.worker_host.home import Home
from factory.worker_host.joining import join
from factory.worker_host.talk import NotWanted

log = logging.getLogger(__name__)

_MOST_CAPACITY = 150
_FILES = 4_096


def main(arguments: Sequence[str] | None = None) -> None:
    """The script `factory-worker`. Exit codes: 0 stopped, 1 broken, 2 wrong use, 4 the factory cannot be reached, 5 refused."""
    try:
        sys.exit(_carry_out(_parser().parse_args(arguments)))
    except FactoryError as error:
        print(f"factory-worker: {error}", file=sys.stderr)  # noqa: T201 - the command's own words
        sys.exit(code_of(error))
    except KeyboardInterrupt:
        sys.exit(130)


def _carry_out(asked: argparse.Namespace) -> int:
    if asked.command == "service":
        print(unit_file("factory.worker_host", "factory-worker", "factory.worker_cli"), end="")  # noqa: T201 - what was asked for
        return 0
    # It has keys of its own and of engines, and what a crash writes down is for others to read.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    home = Home.locate(os.environ, asked.data)
    if asked.command == "join":
        return _join(home, asked)
    return _run(home, asked)


def _join(home: Home, asked: argparse.Namespace) -> int:
    from factory.wiring_worker import facts, place, programs_for  # noqa: PLC0415 - --help needs none of it

    home.prepare()
    found = place(home, "joining", asked.host, asked.isolation)
    told = facts(found.host, asked.capacity, programs_for(asked.host, os.environ), alone=found.alone, lonely=found.lonely is not None)
    identity = join(home, asked.address, asked.token, told)
    print(f"This machine is {identity.name}, a host of the factory at {identity.endpoint}. `factory-worker run` works for it.")  # noqa: T201
    return 0


def _run(home: Home, asked: argparse.Namespace) -> int:
    from factory.wiring_worker import daemon, facts, place, programs_for, relay  # noqa: PLC0415 - as above

    identity = home.identity()
    home.prepare()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    _allow_files()
    leaving = _Leaving()
    found, programs = place(home, identity.name, asked.host, asked.isolation), programs_for(asked.host, os.environ)
    told = facts(found.host, asked.capacity, programs, alone=found.alone, lonely=found.lonely is not None)
    with home.claim():
        way = relay(home, identity)
        way.start()
        try:
            log.info("%s works for %s, workers are %s", identity.name, identity.endpoint, found.host.isolation.value)
            if found.alone:
                log.info("containers have no network, so what calls a model needs a factory with network = egress, or docker_network")
            if found.because:
                log.info("workers cannot be kept from the network here, as a factory with network = egress needs it: %s", found.because)
            daemon(home, found, told, programs, leaving).run()
        except NotWanted as error:
            raise Broken(str(error)) from error
        finally:
            way.close()
    return 0


class _Leaving:
    """Whether somebody asked this process to end. Its workers go on, and the next one adopts them."""

    def __init__(self) -> None:
        self._asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def __call__(self) -> bool:
        return self._asked

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True


def _allow_files() -> None:
    import resource  # noqa: PLC0415 - as above

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(_FILES, hard), hard))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="factory-worker", description="Runs workers of a factory that is on another machine.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    joining = commands.add_parser("join", help="enrol this machine, with the line that `factory worker enroll` prints")
    joining.add_argument("address", metavar="tcp://HOST:PORT", help="where the factory enrols machines")
    joining.add_argument("token", metavar="TOKEN", help="good once, for ten minutes")
    running = commands.add_parser("run", help="work for the factory that this machine has joined, until it is stopped")
    commands.add_parser("service", help="print a unit for systemd that does that")
    for command in (joining, running):
        command.add_argument("--data", type=Path, metavar="FOLDER", help="folder of this host [default: FACTORY_WORKER_DATA, or your own]")
        command.add_argument("--capacity", type=_capacity, default=0, metavar="N", help="workers at once [default: half the processors]")
        command.add_argument("--host", choices=("process", "docker"), default="process", help="what workers run in [default: process]")
        command.add_argument("--isolation", choices=("auto", "confined", "unconfined"), default="auto", help="as the factory's setting")
    return parser


def _capacity(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_CAPACITY:
        raise argparse.ArgumentTypeError(f"it should be a number from 1 to {_MOST_CAPACITY}")
    return int(text)

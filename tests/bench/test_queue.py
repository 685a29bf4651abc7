"""Claim and finish with all that the factory notes of them, beside queues that note less, on one PostgreSQL server."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from factory.storage.embedded import EmbeddedServer
from factory.storage.migrate import migrate
from tests.bench.measures import Row, Table, taking_turns
from tests.bench.peers import ROOT, Peers, installed_peers

pytestmark = [pytest.mark.bench, pytest.mark.timeout(400)]

_ROUNDS = 4
_BATCHES = (1, 16, 128)
_RUN_SECONDS = 120
_HERE = Path(__file__).parent / "contenders"


@dataclass(frozen=True, slots=True)
class Contender:
    """A program of `contenders/` and how many jobs it gets per batch size: enough for some tenths of a second."""

    name: str
    command: tuple[str, ...]
    jobs: dict[int, int]

    def rate(self, dsn: str, batch: int) -> float:
        """Jobs per second."""
        words = [*self.command, dsn, str(self.jobs[batch]), str(batch)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=_RUN_SECONDS, check=False, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        return float(done.stdout.split()[-1])


def _own(name: str, module: str, jobs: dict[int, int]) -> Contender:
    return Contender(name, (sys.executable, "-m", f"tests.bench.contenders.{module}"), jobs)


_OURS = (
    _own("the queue's store", "store", {1: 200, 16: 1600, 128: 5120}),
    _own("the queue actor, by mail", "actor", {1: 200, 16: 1280, 128: 2560}),
)
_LIMIT = _own("bare SQL, no events", "bare_sql", {1: 400, 16: 6400, 128: 12800})
_JOBS_OF_PEERS = {"pgqueuer": {1: 200, 16: 1600, 128: 6400}, "procrastinate": {1: 150, 16: 300, 128: 300}}


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    """A server with the factory's own settings, for nothing else."""
    with EmbeddedServer(folder / "postgres").hold() as dsn:
        yield dsn


@pytest.fixture(scope="module")
def peers() -> Peers:
    return installed_peers()


@pytest.mark.parametrize("batch", _BATCHES)
def test_claim_and_finish_have_a_rate_beside_peers_and_the_limit(batch: int, server: str, peers: Peers, table: Table) -> None:
    if peers.why:
        table.skip(peers.why)
    others = (_LIMIT, *(Contender(name, (str(peers.python), str(_HERE / f"{name}_peer.py")), _JOBS_OF_PEERS[name]) for name in peers.there))
    places = {one.name: _database(server, one, batch) for one in (*_OURS, *others)}

    rates = taking_turns(
        {one.name: (lambda one=one: one.rate(places[one.name], batch)) for one in (*_OURS, *others)},  # type: ignore[misc]  # bound in the loop
        _ROUNDS,
    )

    for ours in _OURS:
        for other in others:
            what = f"claim + finish with events, {ours.name}, {batch} at a time"
            table.add(Row(what, "per second", rates[ours.name], other.name, rates[other.name]))


def _database(server: str, one: Contender, batch: int) -> str:
    name = f"b{batch}_" + "".join(letter for letter in one.name if letter.isalpha())
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name.lower()}"')
    dsn = server.replace("/postgres?", f"/{name.lower()}?")
    if one in _OURS:
        migrate(dsn)
    return dsn

"""The gateway with many workers, beside a bare socket that only hears them."""

from collections.abc import Callable

import pytest

from tests.bench.crowds import Heard, bare, gateway, key_pairs, pin
from tests.bench.measures import Row, Table, taking_turns

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

_ROUNDS = 3
_FLOODING = 200
"""Workers: so many that none of them reaches what one may send."""

_PULL, _ROUTER = "bare PULL with CURVE, drained each 20 ms", "bare ROUTER with CURVE that answers"


@pytest.mark.parametrize("count", [200, 1_000])
def test_many_workers_beat_once_a_second(count: int, table: Table) -> None:
    keys, spans = key_pairs(count), {"ours": list[float](), "bare": list[float]()}
    with gateway(keys) as ours, bare("pull", keys) as limit:
        shares = taking_turns({"ours": lambda: ours.beats(spans["ours"]), "bare": lambda: limit.beats(spans["bare"])}, _ROUNDS)

    what = f"{count} workers that beat once a second"
    table.add(Row(f"{what}: the gateway's share of a core", "%", shares["ours"], _PULL, shares["bare"]))
    table.add(Row(f"{what}: p99 from sent to processed", "ms", spans["ours"][-_ROUNDS:], _PULL, spans["bare"][-_ROUNDS:]))
    table.add(Row(f"{what}: memory for each", "KiB", [ours.memory], _PULL, [limit.memory]))


def test_the_largest_rate_of_messages_on_one_core(table: Table) -> None:
    keys = key_pairs(_FLOODING)
    with gateway(keys) as ours, bare("router", keys) as limit:
        rates = taking_turns({"ours": _pinned(ours), "bare": _pinned(limit)}, _ROUNDS)

    table.add(Row("messages through the gateway and their answers, on one core", "per second", rates["ours"], _ROUTER, rates["bare"]))


def _pinned(heard: Heard) -> Callable[[], float]:
    pin(heard.process)
    return heard.flood

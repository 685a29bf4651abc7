"""`make simulate`: runs seeds on two processes, and prints seed and trace of those in which something broke.

python -m tests.simulation --seeds 2000 [--first 0]     many
python -m tests.simulation --seed 17 [--lines 400]      one, with the end of its trace
python -m tests.simulation --seeds 100 --mutation NAME  with a guard removed; `--mutation all` for each of them
"""

import argparse
import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable, Iterator

from tests.simulation.mutations import MUTATIONS, found_by
from tests.simulation.run import SECONDS, Outcome, run

_PROCESSES = 2
_SHOWN = 5
"""Failures with their traces; the others by their sentence alone."""


def outcomes(seeds: Iterable[int]) -> Iterator[Outcome]:
    """In order, from as many processes as there are cores, at most two."""
    with multiprocessing.get_context("fork").Pool(min(_PROCESSES, os.cpu_count() or 1)) as pool:
        yield from pool.imap(_short, seeds, chunksize=10)


def _short(seed: int) -> Outcome:
    outcome = run(seed)
    # What all is well with needs no trace, which is long to hand over.
    return outcome if outcome.breach else Outcome(seed, "", outcome.steps, [])


def main() -> int:
    arguments = _parser().parse_args()
    logging.disable(logging.CRITICAL)
    if arguments.mutation:
        return _mutations(arguments.mutation, arguments.seeds)
    if arguments.seed is not None:
        outcome = run(arguments.seed)
        print(outcome.told(arguments.lines))
        return bool(outcome.breach)
    return _many(range(arguments.first, arguments.first + arguments.seeds))


def _many(seeds: range) -> int:
    began, steps, broken = time.monotonic(), 0, list[Outcome]()
    for outcome in outcomes(seeds):
        steps += outcome.steps
        if outcome.breach:
            broken.append(outcome)
            print(outcome.told() if len(broken) <= _SHOWN else f"seed {outcome.seed}: {outcome.breach}", flush=True)
    seconds = time.monotonic() - began
    hours = len(seeds) * SECONDS / 3600
    print(f"{len(seeds):,} seeds, {hours:.0f} simulated hours, {steps:,} steps in {seconds:.1f} s: {len(broken)} with a breach")
    return bool(broken)


def _mutations(name: str, seeds: int) -> int:
    missed = 0
    for mutation in MUTATIONS:
        if name in {"all", mutation.name}:
            outcome = found_by(mutation, range(seeds))
            missed += outcome is None
            print(f"{mutation.name:32} {f'seed {outcome.seed}: {outcome.breach}' if outcome else 'NOT FOUND'}", flush=True)
    return bool(missed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--lines", type=int, default=400)
    parser.add_argument("--mutation", choices=["all", *(mutation.name for mutation in MUTATIONS)])
    return parser


if __name__ == "__main__":
    sys.exit(main())

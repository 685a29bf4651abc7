"""A simulation that finds nothing proves nothing: with a guard removed, something must break within a hundred seeds."""

import pytest

from tests.simulation.mutations import MUTATIONS, SEEDS, Mutation, found_by
from tests.simulation.run import run


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_without_a_guard_something_breaks_that_holds_with_it(mutation: Mutation) -> None:
    outcome = found_by(mutation, (mutation.shown_by, *range(SEEDS)))

    assert outcome is not None, f"{SEEDS} seeds did not show that anything is wrong"
    assert not run(outcome.seed).breach


def test_there_are_at_least_twelve_of_them_under_different_names() -> None:
    assert all(mutation.shown_by in range(SEEDS) for mutation in MUTATIONS)
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 12

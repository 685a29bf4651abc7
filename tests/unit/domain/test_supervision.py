"""The tree as data: what an exit code says, and which trees cannot be."""

from dataclasses import replace

import pytest

from factory.domain.supervision import (
    EXIT_BROKEN,
    EXIT_CRASHED,
    EXIT_FINISHED,
    EXIT_PARENT_GONE,
    EXIT_START_FAILED,
    POLICIES,
    ChildSpec,
    Ending,
    Intensity,
    InvalidTree,
    Level,
    LevelPolicy,
    check,
    ending_of,
)


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        (EXIT_FINISHED, Ending.FINISHED),
        (EXIT_CRASHED, Ending.CRASHED),
        (EXIT_START_FAILED, Ending.START_FAILED),
        (EXIT_PARENT_GONE, Ending.PARENT_GONE),
        (EXIT_BROKEN, Ending.BROKEN),
        (1, Ending.CRASHED),
        (-9, Ending.KILLED),
        (None, Ending.KILLED),
    ],
)
def test_an_exit_code_says_how_a_child_ended(code: int | None, ending: Ending):
    assert ending_of(code) is ending


@pytest.mark.parametrize(
    ("specs", "sentence"),
    [
        ([ChildSpec("a", Level.CORE), ChildSpec("a", Level.EDGE)], "used for more than one child: a"),
        ([ChildSpec("a", Level.EDGE), ChildSpec("b", Level.CORE)], "levels must come in the order"),
        ([ChildSpec("a/b", Level.CORE)], "cannot be the name of a child"),
        ([ChildSpec("", Level.CORE)], "cannot be the name of a child"),
        ([ChildSpec("a", Level.CORE, start_timeout=0)], "times must be greater than zero"),
        ([ChildSpec("a", Level.CORE, start_timeout=float("inf"))], "and finite"),
        ([ChildSpec("a", Level.CORE, shutdown=float("nan"))], "and finite"),
        ([ChildSpec("a", Level.CORE, longest_turn=-1)], "times must be greater than zero"),
        ([ChildSpec("a", Level.CORE, shutdown=0)], "times must be greater than zero"),
        ([ChildSpec("a", Level.CORE, intensity=Intensity(-1, 1))], "restarts not negative"),
        ([ChildSpec("a", Level.CORE, intensity=Intensity(1, 0))], "times must be greater than zero"),
    ],
)
def test_a_tree_that_cannot_be_is_refused(specs: list[ChildSpec], sentence: str):
    with pytest.raises(InvalidTree, match=sentence):
        check(specs)


def test_a_tree_in_order_is_accepted():
    check([ChildSpec("a", Level.CORE), ChildSpec("b", Level.EDGE, shutdown=None), ChildSpec("c", Level.WORKERS)])


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        (replace(POLICIES[Level.CORE], intensity=Intensity(-1, 60.0)), "level core: .* restarts not negative"),
        (replace(POLICIES[Level.CORE], intensity=Intensity(1, 0.0)), "level core: periods must be greater than zero"),
        (replace(POLICIES[Level.CORE], escalation=Intensity(1, float("inf"))), "level core: periods .* finite"),
        (None, "level core has no policy"),
    ],
)
def test_a_level_that_cannot_be_is_refused(policy: LevelPolicy | None, sentence: str):
    policies: dict[Level, LevelPolicy] = {level: known for level, known in POLICIES.items() if level is not Level.CORE}
    if policy is not None:
        policies[Level.CORE] = policy

    with pytest.raises(InvalidTree, match=sentence):
        check([ChildSpec("a", Level.CORE)], policies)


def test_each_level_of_the_factory_has_a_policy_that_can_be():
    check([ChildSpec(str(level), level) for level in Level])

"""Each sentence of the scenarios of issues has a test that names it, in a line of its docstring such as `F44: twice; out of order.`

`pytest -s tests/architecture/test_scenarios.py` prints which tests those are.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.sources import modules, tree

SCENARIOS: Mapping[str, tuple[str, ...]] = {
    # Claims, and an issue that is seen again.
    "F39": ("32 claimers", "a notification is lost", "by label, webhook, operators and a file at once"),
    # Delivery and intake die, or do not hear what they did.
    "F41": ("killed at each step", "comment and label", "422 is success"),
    "F42": ("one pull request after a lost answer", "one comment after a lost answer", "lookups are repeated"),
    "F43": ("401 in mid-run", "a token is renewed once", "no call before the time that was named", "items are parked, not failed"),
    # What the forge tells, and what it does not.
    "F44": ("twice", "late by days", "out of order", "unlabeled before labeled", "never", "merged but open issue"),
    "F45": ("closed in mid-run", "label removed in mid-run", "no pull request afterwards"),
    "F46": ("a read that fails", "an empty or a short list", "a page is missing", "shown with since when"),
    # Whose word counts, and which text.
    "S1": ("a labeller who may not write", "a name gives no right", "told in the trail"),
    "S2": ("edit before the look", "edit after the label", "comments of writers only"),
    "S3": ("forty payloads", "cleaning again changes nothing", "raw and cleaned are shown", "quoted as data"),
    # What an agent gone wrong gets at.
    "S4": ("credentials only where they are used", "canaries in no file, log or bundle", "workers see nothing of the factory"),
    "S5": ("no other branch", "pushed with a lease", "tokens for one repository"),
    "S6": ("guarded paths", "links and submodules", "no permission for workflows"),
    # Machines of remote workers, and the way to them.
    "F02": ("one requeue and one attempt more", "nothing is left over when the machine is back"),
    "F20": ("memory, processes and processors", "only that attempt fails", "nobody's beats are late"),
    "F21": ("nothing is lost",),
    "F22": ("the zombie is refused",),
    "F23": ("from the factory to a host", "from a host to the factory", "both ends agree"),
    "F24": ("a slow and lossy link",),
    "F25": ("nobody is locked out",),
    "F26": ("all hosts are back", "no host asks twice"),
    "F36": (
        "a full disk over there fails that attempt only",
        "its room is given back",
        "a full disk while a result is on its way",
        "work goes on when there is room",
        "nobody is started on a disk that is nearly full",
        "finished items leave nothing",
    ),
    "F40": (
        "another major version is refused",
        "a newer minor version is served",
        "a version before this one is served",
        "what is new and unknown is passed over",
    ),
    "F49": ("a hub that sleeps while its machines do not", "a machine that sleeps"),
    "F50": ("an hour forward and back",),
    "F51": ("a machine's clock that is off by days",),
    "F52": ("the kill counts at once", "gone after the heal"),
    "F55": ("orphans are removed after their time", "no living worker with them", "a row whose worker was never made"),
    "F57": ("control is answered meanwhile", "what is not kept is told", "memory is flat"),
    # The gateway under attack.
    "F30": ("hostile bytes", "endless frames"),
    "F31": ("a valid worker is let in", "idle connections are cut"),
    "S11": ("another's item or epoch", "a stolen routing id", "a worker of another host"),
    "S12": ("no key and unknown keys", "no handler", "a handler that hangs", "a handler that dies", "a handler that raises"),
    "S13": ("reuse, expiry or a token never given", "revoked with an open connection", "in-band rotation", "expiry"),
    "S14": ("a replayed capture is refused", "a replayed message is refused", "a replayed beat is dropped"),
    "S15": ("a flood of handshakes", "a share for each key", "memory is bounded", "few may try to enrol"),
    # What a confined worker cannot get at.
    "S8": ("the whole profile, as the engine tells it",),
    "S9": (
        "foreign hosts",
        "metadata and private addresses",
        "a name that answers anew",
        "from inside only the way out",
    ),
    "S10": ("method and path", "a cap on what is sent", "each blocked host is told of"),
    # What comes in from outside.
    "S16": ("wrong, missing or old secret", "two secrets in a rotation", "truncated", "sha1", "unicode", "chunked", "too large", "twice"),
}
SENTENCES = [(scenario, sentence) for scenario, sentences in SCENARIOS.items() for sentence in sentences]

_LINE = re.compile(rf"(?:^|\s)(?P<scenario>{'|'.join(SCENARIOS)}): (?P<sentences>[^.:]+)\.(?=\s|$)")


@cache
def named() -> Mapping[tuple[str, str], frozenset[str]]:
    """Scenario and sentence → the tests that name them."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for module in modules("tests"):
        for test, docstring in _docstrings(module) if module.name.startswith("test_") else ():
            for line in _LINE.finditer(docstring):
                for sentence in line["sentences"].split("; "):
                    found[line["scenario"], sentence].add(test)
    return {key: frozenset(tests) for key, tests in found.items()}


def _docstrings(module: Path) -> list[tuple[str, str]]:
    tests = [node for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return [(f"{module}::{node.name}", " ".join((ast.get_docstring(node) or "").split())) for node in tests]


@pytest.mark.parametrize(("scenario", "sentence"), SENTENCES)
def test_each_sentence_of_a_scenario_is_named_by_a_test(scenario: str, sentence: str) -> None:
    tests = sorted(named().get((scenario, sentence), ()))
    print(f"\n{scenario:<4} {sentence}", *(f"     {test}" for test in tests), sep="\n", end="")  # noqa: T201 - for who asks with -s

    assert tests, f"no test has the line '{scenario}: {sentence}.' in its docstring"


def test_a_test_names_nothing_else() -> None:
    assert sorted(named().keys() - {*SENTENCES}) == [], "each of these is in the table, or in no docstring"

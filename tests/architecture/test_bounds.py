"""What may catch everything, what may wait, and for how long."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import PACKAGES, calls, modules, tree

# "path::function" with the reason: only the outermost loop of a process or thread may catch everything.
CATCHES_EVERYTHING = {
    "actors/process.py::_run": "the outermost frame of an actor's process: it says why it ends, and ends",
    "actors/base.py::on_receive": "an exit that only threads know becomes an error that the host of the actor raises",
    "actors/base.py::_actor_loop_setup": "the same, at the start of the actor's thread",
    "actors/background.py::_work": "the outermost frame of a thread: the error is raised again in the actor's own",
    "factory/doctor.py::_look": "the outermost frame of a thread: the check counts as not made, and says why",
    "worker_agent/lock_hook.py::main": "the outermost frame of a process: any exit status of its own would let the edit pass",
}

# The one place of the tests that sleeps, between two looks at a condition.
_WAITING = Path("tests/waiting.py")

_TAKES_A_TIMEOUT = {"subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output"}
# A method called `join` may be anyone's; these are the ones that wait.
_WAITS_FOR_EVER = re.compile(r"\.(wait|communicate)$|(thread|process|child|pool|queue)\w*\.join$", re.IGNORECASE)


def test_only_listed_places_catch_everything() -> None:
    found = {place for module in modules(*PACKAGES) for place in _broad_handlers(module)}

    assert found - CATCHES_EVERYTHING.keys() == set()
    assert CATCHES_EVERYTHING.keys() - found == set(), "listed, but gone"


def test_no_test_sleeps() -> None:
    sleeping = [
        f"{module}:{call.lineno}"
        for module in modules("tests")
        for call, name in calls(module)
        if name.split(".")[-1] == "sleep" and module != _WAITING
    ]

    assert sleeping == []


def test_every_subprocess_has_a_timeout() -> None:
    unbounded = [
        f"{module}:{call.lineno}"
        for module in modules(*PACKAGES, "tests")
        for call, name in calls(module)
        if name in _TAKES_A_TIMEOUT and not _passes(call, "timeout")
    ]

    assert unbounded == []


def test_every_wait_has_a_bound() -> None:
    unbounded = [
        f"{module}:{call.lineno} {name}"
        for module in modules(*PACKAGES, "tests")
        for call, name in calls(module)
        if _WAITS_FOR_EVER.search(name) and not call.args and not call.keywords
    ]

    assert unbounded == []


def _passes(call: ast.Call, keyword: str) -> bool:
    # `**options` has no name here; whoever passes it is trusted to have the bound in it.
    return any(given.arg in {keyword, None} for given in call.keywords)


def _broad_handlers(module: Path) -> Iterator[str]:
    inside = {
        handler: function.name
        for function in ast.walk(tree(module))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for handler in ast.walk(function)
    }
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node) and not _raises_again(node):
            yield f"{module}::{inside.get(node, '<module>')}"


def _raises_again(handler: ast.ExceptHandler) -> bool:
    """Tidies up and lets the error pass: it catches nothing."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    names = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(name, ast.Name) and name.id in {"Exception", "BaseException"} for name in names)

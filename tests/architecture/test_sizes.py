"""Small functions, small modules: the giant is where policy, bookkeeping and input-output ran together."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import PACKAGES, ROOT, modules, tree

MAX_FUNCTION_LINES = 70
MAX_MODULE_LINES = 400

# "path" or "path::function" with the reason. Empty, and meant to stay so.
EXCEPTIONS: dict[str, str] = {}


def test_no_function_is_longer_than_seventy_lines() -> None:
    functions = ((module, node) for module in modules(*PACKAGES, "tests") for node in _functions(module))

    too_long = {f"{module}::{node.name}": size for module, node in functions if (size := _lines(node)) > MAX_FUNCTION_LINES}

    assert too_long.keys() - EXCEPTIONS.keys() == set(), too_long


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    sizes = {str(path): (ROOT / path).read_text("utf-8").count("\n") for path in modules(*PACKAGES, "tests")}

    too_long = {path: size for path, size in sizes.items() if size > MAX_MODULE_LINES}

    assert too_long.keys() - EXCEPTIONS.keys() == set(), too_long


def _functions(module: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1

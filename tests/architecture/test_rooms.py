"""What the import contracts of pyproject.toml cannot see: the standard library, SQL in strings, imports at run time."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, ROOT, calls, imported, modules, tree

# A pure room needs none of these; their absence is what lets the simulator replay it.
_IMPURE = {
    "asyncio", "concurrent", "http", "multiprocessing", "os", "select", "shutil", "signal", "socket",
    "subprocess", "tempfile", "threading", "time", "urllib",
}  # fmt: skip
_READS_THE_CLOCK = {"now", "utcnow", "today"}
_SQL = re.compile(r"\s*(SELECT\b.*\bFROM|INSERT\s+INTO|UPDATE\b.*\bSET|DELETE\s+FROM|CREATE\s+TABLE|ALTER\s+TABLE)\b", re.DOTALL)

_IMPORT_TIMEOUT_SECONDS = 60
_HELP = "import sys; sys.argv = ['factory', '--help']; from factory.cli import main; main()"
_AGENT = "import worker_agent.__main__"


def test_the_domain_needs_only_the_pure_part_of_the_standard_library() -> None:
    pure = sys.stdlib_module_names - _IMPURE
    allowed = {module: lines for module in modules("factory/domain") if (lines := _foreign(module, pure))}

    assert allowed == {}


def test_the_domain_reads_no_clock() -> None:
    reading = [
        f"{module}:{call.lineno}"
        for module in modules("factory/domain")
        for call, name in calls(module)
        if name.split(".")[-1] in _READS_THE_CLOCK and name.startswith(("datetime", "date."))
    ]

    assert reading == []


def test_sql_stands_in_sql_files_only() -> None:
    in_python = [
        f"{module}:{node.lineno}"
        for module in modules(*PACKAGES)
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _SQL.match(node.value)
    ]

    assert in_python == []


@pytest.mark.parametrize(
    ("program", "unwanted"),
    [
        pytest.param(_HELP, {"anthropic", "github", "docker", "textual", "fastapi"}, id="factory --help"),
        pytest.param(_AGENT, {"psycopg", "pgvector", "docker", "textual", "pykka", "github", "anthropic"}, id="factory-worker"),
    ],
)
def test_a_process_holds_only_what_it_needs(program: str, unwanted: set[str]) -> None:
    loaded = _modules_loaded_by(program)

    assert loaded & unwanted == set()


def _foreign(module: Path, allowed: frozenset[str]) -> list[str]:
    return [
        f"line {line}: {name}"
        for line, name in imported(module)
        if name.split(".")[0] not in allowed and not name.startswith("factory.domain")
    ]


def _modules_loaded_by(program: str) -> set[str]:
    # The list is written on exit, since a command ends by SystemExit.
    tell = "import atexit, sys; atexit.register(lambda: print('\\n' + ' '.join(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-I", "-c", f"{tell}\n{program}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=_IMPORT_TIMEOUT_SECONDS,
    )
    return set(result.stdout.splitlines()[-1].split())

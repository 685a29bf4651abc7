"""Other queues on PostgreSQL and other supervisors, in a virtual environment of their own: the factory itself never depends on them."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
VENV = ROOT / ".bench-venv"
QUEUES = ("pgqueuer", "procrastinate")

_INSTALL_SECONDS = 120
"""Some megabytes; longer than that is no network."""
_ASK_SECONDS = 30
_STORE = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True, slots=True)
class Peers:
    """`python` can import those that are `there`; `why` says what became of the others."""

    python: Path
    there: tuple[str, ...]
    why: str = ""


def installed_peers(wanted: tuple[str, ...] = QUEUES) -> Peers:
    """Installs what is missing, where that can be done. Peers are wanted by the name they are imported by."""
    python = VENV / "bin" / "python"
    why = "" if _importable(python, wanted) == wanted else _install(python)
    there = _importable(python, wanted)
    missing = ", ".join(name for name in wanted if name not in there)
    return Peers(python, there, f"{missing} could not be installed ({why or 'the import fails'})" if missing else "")


def _importable(python: Path, wanted: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in wanted if python.exists() and _run([str(python), "-c", f"import {name}"], _ASK_SECONDS) is None)


def _install(python: Path) -> str:
    """Why it did not work, or nothing."""
    uv = str(Path(sys.executable).with_name("uv"))
    commands = [
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)],
        [uv, "pip", "install", "--quiet", "--python", str(python), "--group", f"{ROOT / 'pyproject.toml'}:bench"],
    ]
    return next((why for command in commands if (why := _run(command, _INSTALL_SECONDS)) is not None), "")


def _run(command: list[str], seconds: float) -> str | None:
    """None where it went well, else the last line that was said."""
    environ = {**os.environ, "UV_HTTP_TIMEOUT": "30"}
    if _STORE.exists():
        # As in scripts/setup: the certificate of an organisation's proxy is in the system's store only.
        environ.setdefault("UV_SYSTEM_CERTS", "true")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, env=environ)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it said nothing"])[-1]

"""The stand-in as tests use it: a process of its own, with its repositories, its script and its ledger."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.forge.failures import Failure
from tests.repositories import Remote, make_remote

TOKEN = "ghp_canary0123456789abcdefghijklmnopqrst"
_SECONDS = 30
_ROOT = Path(__file__).parents[2]


class StandIn:
    """A GitHub on this machine."""

    def __init__(self, folder: Path, *tokens: str) -> None:
        self.folder, self._tokens, self._port = folder, tokens or (TOKEN,), 0
        self.start()

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        command = [sys.executable, "-P", "-m", "tests.forge", str(self.folder), str(self._port), *self._tokens]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd=_ROOT, env=_environment())
        assert self.process.stdout is not None
        self._port = int(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def repository(self, name: str = "acme/widgets", files: dict[str, str | bytes] | None = None) -> Remote:
        """A repository with a commit on `main`; `repo` is its folder, `address` its URL."""
        remote = make_remote(self.folder / "made" / name, files)
        target = self.folder / "repositories" / f"{name}.git"
        target.parent.mkdir(parents=True, exist_ok=True)
        remote.bare.rename(target)
        return Remote(target, remote.tree)

    def address(self, name: str = "acme/widgets") -> str:
        return f"{self.api}/{name}.git"

    def fails(self, *rules: tuple[str, Failure] | tuple[str, Failure, int] | tuple[str, Failure, int, float]) -> None:
        """Route, failure, how often (once), seconds of its wait."""
        self._put("/_script", [dict(zip(("route", "failure", "times", "seconds"), rule, strict=False)) for rule in rules])

    def accepts(self, *tokens: str) -> None:
        self._put("/_tokens", tokens)

    def merge(self, repo: str, number: int) -> None:
        self._put("/_merge", {"repo": repo, "number": number})

    def ledger(self, *kinds: str) -> list[dict[str, Any]]:
        file = self.folder / "ledger.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [entry for entry in map(json.loads, lines) if not kinds or entry["what"] in kinds]

    def pulls(self) -> list[dict[str, Any]]:
        file = self.folder / "pulls.json"
        pulls: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []
        return pulls

    def asks(self, method: str, path: str, body: object = None, token: str = TOKEN) -> Any:
        """A call of the API by somebody else."""
        headers = {"Authorization": f"Bearer {token}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.api}{path}", data, headers, method=method)  # noqa: S310 - our own server
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=_SECONDS) as answer:
            return json.load(answer)

    def _put(self, path: str, body: object) -> None:
        self.asks("PUT", path, body)


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(_ROOT)}


@contextmanager
def stand_in(folder: Path) -> Iterator[StandIn]:
    folder.mkdir(parents=True, exist_ok=True)
    forge = StandIn(folder)
    try:
        yield forge
    finally:
        forge.kill()

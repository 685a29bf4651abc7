"""The GitHub stand-in as tests use it: a process of its own, with its repositories, its script and its ledger."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from factory.standin.client import Desk, ask
from factory.standin.store import lines_of
from tests.repositories import Remote, make_remote

TOKEN = "ghp_canary0123456789abcdefghijklmnopqrst"
_SECONDS = 30
_ROOT = Path(__file__).parents[1]


class StandIn(Desk):
    """A GitHub on this machine."""

    def __init__(self, folder: Path, *tokens: str) -> None:
        self.folder, self._tokens, self._port = folder, tokens or (TOKEN,), 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-P", "-m", "factory.standin", str(self.folder), str(self._port), *self._tokens]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd=_ROOT, env=_environment())
        assert self.process.stdout is not None
        self._port = int(self.process.stdout.readline())
        super().__init__(f"http://127.0.0.1:{self._port}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def repository(self, name: str = "acme/widgets", files: dict[str, str | bytes] | None = None) -> Remote:
        """A repository with a commit on `main`; `repo` is its folder, `address` its URL."""
        return place_repository(self.folder, name, files)

    def address(self, name: str = "acme/widgets") -> str:
        return f"{self.api}/{name}.git"

    def ledger(self, *kinds: str) -> list[dict[str, Any]]:
        """What was changed, called, answered, failed and delivered, in order; of these kinds."""
        file = self.folder / "ledger.jsonl"
        lines = file.read_text().splitlines(keepends=True) if file.exists() else []
        entries = [json.loads(line) for line in lines if line.endswith("\n")]
        return [entry for entry in entries if not kinds or entry["what"] in kinds]

    def changes(self) -> list[dict[str, Any]]:
        """Of the ledger what was really changed."""
        return [entry for entry in self.ledger() if entry["what"] not in {"call", "answer", "failure", "delivery"}]

    def counted(self) -> Counter[str]:
        """Calls that the rate limit counts, by route; those answered with 304 are not among them."""
        return Counter(entry["route"] for entry in self.ledger("answer") if entry["counted"])

    def not_modified(self) -> Counter[str]:
        return Counter(entry["route"] for entry in self.ledger("answer") if entry["status"] == 304)

    def issues(self) -> list[dict[str, Any]]:
        """Pull requests too, as they are kept, also while it is down."""
        return [line["value"] for line in lines_of(self.folder / "state.jsonl") if line["kind"] == "Issue"]  # type: ignore[misc] # of an issue it is an object

    def pulls(self) -> list[dict[str, Any]]:
        return [{**one, **one["pull"], "merged": one["pull"]["merged_at"] is not None} for one in self.issues() if one["pull"]]

    def merge(self, repo: str, number: int) -> None:
        """What a person does with the button, without a look at the base."""
        self.put("/_merge", {"repo": repo, "number": number})

    def asks(self, method: str, path: str, body: object = None, token: str = TOKEN) -> Any:
        """A call of the API by somebody else."""
        return ask(self.api, token, method, path, body)


def place_repository(folder: Path, name: str = "acme/widgets", files: dict[str, str | bytes] | None = None) -> Remote:
    """Into the folder of a stand-in, whether it is running or not."""
    remote = make_remote(folder / "made" / name, files)
    target = folder / "repositories" / f"{name}.git"
    target.parent.mkdir(parents=True, exist_ok=True)
    remote.bare.rename(target)
    return Remote(target, remote.tree)


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(_ROOT)}


@contextmanager
def stand_in(folder: Path) -> Iterator[StandIn]:
    """Ends with the block; its folder stays."""
    folder.mkdir(parents=True, exist_ok=True)
    forge = StandIn(folder)
    try:
        yield forge
    finally:
        forge.kill()


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """One for all tests of a module: each has a repository of its own."""
    with stand_in(tmp_path_factory.mktemp("github")) as standin:
        yield standin

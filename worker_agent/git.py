"""git, as the agent itself runs it: no configuration but the repository's own, no questions, and never without a bound."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from worker_agent.contact import Pulse
from worker_agent.folders import Folders
from worker_agent.processes import REAP_SECONDS, TICK_SECONDS, Clock

GIT_SECONDS = 120.0
"""For looking at and writing what is already here, even in a large repository on a busy machine."""

FETCH_SECONDS = 1800.0
"""For a whole history over a slow line."""

_WORST_LINES = 5


class GitFailed(Exception):
    """git said no, or took too long. The sentence holds what git said last."""


@dataclass(frozen=True, slots=True)
class Git:
    """Runs git in one folder and feels the pulse meanwhile: a clone may take longer than a lease."""

    folder: Path
    environment: Mapping[str, str]
    pulse: Pulse
    clock: Clock

    def __call__(self, *arguments: str, timeout: float = GIT_SECONDS) -> str:
        """Returns standard output. Raises `GitFailed`, `Ended`."""
        code, output, error = self._run(arguments, timeout)
        if code:
            raise GitFailed(f"`git {arguments[0]}` failed: {_last_words(error) or f'exit status {code}'}")
        return output

    def succeeds(self, *arguments: str) -> bool:
        return self._run(arguments, GIT_SECONDS)[0] == 0

    def _run(self, arguments: tuple[str, ...], timeout: float) -> tuple[int, str, str]:
        deadline = self.clock.monotonic() + timeout
        with self._start(arguments) as process:
            try:
                output, error = self._talk(process, deadline)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait(REAP_SECONDS)
        return process.returncode, output, error

    def _start(self, arguments: tuple[str, ...]) -> "subprocess.Popen[str]":
        try:
            return subprocess.Popen(
                ("git", *arguments),
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",  # what git quotes goes into messages, which are UTF-8
            )
        except OSError as error:
            # The folder is gone, or there is no git.
            raise GitFailed(f"git cannot be run in {self.folder}: {error.strerror or error}.") from error

    def _talk(self, process: "subprocess.Popen[str]", deadline: float) -> tuple[str, str]:
        while True:
            try:
                return process.communicate(timeout=TICK_SECONDS)
            except subprocess.TimeoutExpired:
                self.pulse.tick()
                if self.clock.monotonic() >= deadline:
                    raise GitFailed("git took too long and was ended.") from None


def git_environment(folders: Folders, worker: str) -> dict[str, str]:
    """Writes the little configuration that git needs, and returns the environment that names it.

    A file and not GIT_CONFIG_COUNT alone: git clears that for the `upload-pack` that it starts on the source, which
    then refuses a mirror that belongs to another user.
    """
    config = folders.tmp / "gitconfig"
    config.write_text("[safe]\n\tdirectory = *\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n")
    return {
        **folders.environment(worker),
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        # Without its own .git the clone must not be taken for part of whatever lies above it.
        "GIT_CEILING_DIRECTORIES": str(folders.repo.parent),
        "LC_ALL": "C",
    }


def fetch_commit(git: Git, source: str, commit: str) -> None:
    """Brings a commit with its history into an empty repository, without leaving a remote behind.

    Raises `GitFailed` where the source cannot be read or does not hold the commit.
    """
    # No hard links and no shared objects: what runs here could write through them into the mirror.
    try:
        git("fetch", "--quiet", "--no-tags", "--", source, commit, timeout=FETCH_SECONDS)
    except GitFailed:
        # A bundle, or a server that only gives what a branch points to: take all branches, then look.
        git("fetch", "--quiet", "--no-tags", "--", source, "refs/heads/*:refs/source/*", timeout=FETCH_SECONDS)
        if not git.succeeds("cat-file", "-e", f"{commit}^{{commit}}"):
            raise GitFailed(f"The source does not hold the commit {commit}.") from None


def _last_words(error: str) -> str:
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    return " ".join(lines[-_WORST_LINES:])

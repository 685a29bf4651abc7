"""A factory that a command starts for itself, as a child in a session of its own, and stops again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from factory.cli.client import view
from factory.errors import Broken, Conflict, FactoryError, InvalidInput, Retryable
from factory.paths import Paths, prepare, running_root

START_SECONDS = 120.0
"""The first start makes a database: seconds here, a minute on a slow disk."""
STOP_SECONDS = 60.0
"""Workers get their grace, processes their shutdown time, the database its checkpoint."""
_LOOK_SECONDS = 0.05
_ANSWER_SECONDS = 1.0
_MAX_LOG_BYTES = 4_000_000
_TAIL_BYTES = 4_000


class OwnFactory:
    """Starts on entering the block, stops on leaving it. Its output goes to `log`.

    Args:
        environ: the child's whole environment but for its folders.
        folder: where it looks for factory.toml.
        options: further words after `factory up`.
        lasting: it outlives this process; else it stops when this process ends in whatever way.
    """

    def __init__(
        self,
        paths: Paths,
        environ: Mapping[str, str],
        *,
        folder: Path | None = None,
        options: tuple[str, ...] = (),
        lasting: bool = False,
    ) -> None:
        self._paths = paths
        self._environ = {**environ, "FACTORY_DATA": str(paths.data), "FACTORY_RUN": str(paths.run)}
        self._folder = folder
        self._options = options
        self._lasting = lasting
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self._paths.logs / "up.log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> int:
        """Starts it, waits until it answers, and returns its pid.

        Raises:
            FactoryError: it ended again; the kind of error and the sentence are its own.
            Broken: it does not answer in time; it is stopped then.
        """
        prepare(self._paths)
        try:
            with postponed():
                process = self._process = self._started()
            self._wait_until_it_answers(process)
        except BaseException:
            self.stop()
            raise
        return process.pid

    def _started(self) -> "subprocess.Popen[bytes]":
        with self._opened_log() as log:
            return subprocess.Popen(
                # Without -P a folder named `factory` in the folder where we are would be taken for this package.
                [sys.executable, "-P", "-m", "factory.cli", "up", *self._lifeline(), *self._options],
                stdin=subprocess.DEVNULL if self._lasting else subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environ,
                cwd=self._folder,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raises `FactoryError` when it runs no longer."""
        if self._process is not None and self._process.poll() is not None:
            raise self._ended(self._process)

    def stop(self) -> None:
        """SIGTERM, and after `STOP_SECONDS` SIGKILL. A second Ctrl-C does not cut the clean-up short; it is bounded."""
        process, self._process = self._process, None
        if process is None:
            return
        with undisturbed():
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                # Its children watch it and leave with it.
                process.kill()
                process.wait(STOP_SECONDS)
            if process.stdin:
                process.stdin.close()

    def _lifeline(self) -> tuple[str, ...]:
        return () if self._lasting else ("--lifeline",)

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise self._ended(process)
            if running_root(self._paths) == process.pid and _answers(self._paths):
                return
            time.sleep(_LOOK_SECONDS)
        raise Broken(f"The factory did not come up within {START_SECONDS:g} s; its output is in {self.log}.")

    def _ended(self, process: subprocess.Popen[bytes]) -> FactoryError:
        kind = {2: InvalidInput, 4: Retryable, 5: Conflict}.get(process.returncode, Broken)
        last = self._tail().removeprefix("factory: ")
        return kind(last or f"The factory ended with exit code {process.returncode} and said nothing.")

    def _tail(self) -> str:
        with suppress(OSError), self.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
        return ""

    @contextmanager
    def _opened_log(self) -> Iterator[IO[bytes]]:
        with suppress(FileNotFoundError):
            if self.log.stat().st_size > _MAX_LOG_BYTES:
                self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            yield log


@contextmanager
def undisturbed() -> Iterator[None]:
    """Signals that ask to end are left alone meanwhile; what is inside must be bounded."""
    before = {each: signal.signal(each, signal.SIG_IGN) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def postponed() -> Iterator[None]:
    """Signals that ask to end are heard when the block is over: a process that began in it is known to somebody by then."""
    heard: list[int] = []
    before = {each: signal.signal(each, lambda number, _: heard.append(number)) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    if heard:
        signal.raise_signal(heard[0])


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """SIGTERM unwinds the stack as Ctrl-C does, so that what was started is stopped; the exit code is 143."""

    def end(_signal: int, _frame: object) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _answers(paths: Paths) -> bool:
    try:
        view(paths, "status", timeout=_ANSWER_SECONDS)
    except Retryable:
        return False
    return True

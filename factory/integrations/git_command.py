"""Runs the user's git: hardened, bounded in time and in output, and never waiting for a person.

Two surroundings, since they serve opposite ends. Towards a remote git has the user's own configuration, with its
credential helpers, ssh and proxies. On what an agent made it has none at all, neither the user's nor the system's.
"""

import os
import re
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from factory.errors import Broken, RepositoryUnavailable

OUTPUT_LIMIT = 16 * 1024 * 1024
"""Bytes on stdout: room for the paths of 100,000 files."""
ERROR_LIMIT = 64 * 1024
"""Bytes kept of stderr; more is read and dropped, so that git does not block on it."""
_CHUNK = 64 * 1024
_KILL_SECONDS = 10.0
"""A killed process is gone in milliseconds unless the disk below it hangs."""
MEMORY_LIMIT_KIB = 2 * 1024 * 1024
"""Of data, for each process of a git: megabytes from a worker or a remote may unpack to as many gigabytes as they like.
Not of address space: git maps packs of any size, and reads them without needing memory for them."""
_BOUNDED: Final = """\
ulimit -d "$0" 2>/dev/null || :
{ read -r _ || kill -KILL 0; } 2>/dev/null <"/dev/fd/$1" >/dev/null &
shift
"$@"
code=$?
exec 2>/dev/null
kill "$!"
wait
exit "$code"
"""
"""Around each git: a bound on its memory, and an end with the process that started it.

The bound is set before git starts, since a limit set from here afterwards may miss its first children, and code between fork and
exec is unsafe beside other threads. It refuses where the limit is lower already; macOS takes it and does not hold to it.

The second line waits at a pipe whose other end this process alone holds, and never writes to: when this process is gone, in whatever way,
the whole group of git is killed. PR_SET_PDEATHSIG would not do: it is not inherited by the helper that does the pushing, it is sent when
the thread ends that started git, and comes too late for a process that is gone before it was asked for. A sweep by the next
process would let a push go on until there is one.
"""
_SIGNALLED = 129
"""Above it a shell's exit code is 128 and the number of a signal; git itself uses it for wrong arguments."""
_CHILD_KILLED = re.compile(r"died of signal (?:9|15)\b")
_SHARED_UMASK = 0o022
"""Mirrors and imports are read by workers of other users; nothing in them is secret to this machine's workers."""

_HARDENING: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    "transfer.fsckObjects=true",
    # A background gc would outlive our locks and our timeouts.
    "gc.auto=0",
    "maintenance.auto=false",
    "safe.directory=*",
    # Large blobs are streamed and never diffed, so that no file makes git need its size in memory.
    "core.bigFileThreshold=16m",
    # A connection that stands still ends long before the timeout of the whole transfer.
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
)
_FROM_THE_USER = frozenset({"GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"})
_FROM_THE_USER_BY_PREFIX = (
    "GIT_SSL_",
    "GIT_PROXY_",
    "GIT_HTTP_",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_KEY_",
    "GIT_CONFIG_VALUE_",
)
"""What of GIT_* is about reaching a remote. The rest names repositories and editors of whoever started the factory."""
_FIXED: Final = {"LC_ALL": "C", "LANGUAGE": "", "GIT_TERMINAL_PROMPT": "0", "SSH_ASKPASS_REQUIRE": "never"}
_SEALED: Final = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_ATTR_NOSYSTEM": "1"}


class GitTimeout(Exception):
    """Git did not end within its bound and was killed, with all that it had started."""


class OutputTooLarge(Exception):
    """Git wrote more than its bound to stdout and was killed."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A git that has ended with an exit code. `errors` is the head of stderr."""

    code: int
    output: bytes
    errors: str

    @property
    def text(self) -> str:
        return self.output.decode("utf-8", "replace")


def network_environment() -> Mapping[str, str]:
    """The user's own, without what names another repository."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or _is_kept(name)}
    return own | _FIXED


def sealed_environment() -> Mapping[str, str]:
    """No configuration but ours: without HOME git finds no attributes, excludes or helpers of the user either."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return kept | _FIXED | _SEALED


def git(
    repository: Path,
    arguments: Sequence[str],
    *,
    timeout: float,
    environment: Mapping[str, str] | None = None,
    settings: Sequence[str] = (),
    limit: int = OUTPUT_LIMIT,
    stdin: bytes = b"",
) -> Ended:
    """Runs git on a bare repository, sealed unless `environment` says otherwise, and waits for its end.

    Args:
        timeout: seconds until it is killed.
        settings: `name=value`, winning over the hardening.
        limit: bytes of stdout.

    Raises:
        GitTimeout: it was killed.
        OutputTooLarge: it was killed.
        RepositoryUnavailable: somebody else killed it, or a child of it.
        Broken: git cannot be started.
    """
    options = [part for setting in (*_HARDENING, *settings) for part in ("-c", setting)]
    command = [*options, f"--git-dir={repository}", *arguments]
    with _lifeline() as lifeline:
        process = _started(command, sealed_environment() if environment is None else environment, lifeline, has_input=bool(stdin))
        try:
            ended = _collected(process, stdin, time.monotonic() + timeout, limit)
        finally:
            _close(process)
    # By the kernel when memory is short, or by whoever stops the machine: that says nothing about the repository.
    if ended.code < 0 or ended.code > _SIGNALLED or _CHILD_KILLED.search(ended.errors):
        raise RepositoryUnavailable(f"git {arguments[0]} was ended by a signal; it has to be done again.")
    return ended


@contextmanager
def _lifeline() -> Iterator[int]:
    """The end of a pipe at which this process's own end can be waited for. No other child inherits its other end."""
    theirs, ours = os.pipe()
    try:
        yield theirs
    finally:
        os.close(theirs)
        os.close(ours)


def _started(command: list[str], environment: Mapping[str, str], lifeline: int, *, has_input: bool) -> "subprocess.Popen[bytes]":
    program = shutil.which("git", path=environment.get("PATH"))
    if program is None:
        raise Broken("There is no git on this machine's PATH; the factory needs it.")
    return subprocess.Popen(
        ["/bin/sh", "-c", _BOUNDED, str(MEMORY_LIMIT_KIB), str(lifeline), program, *command],
        pass_fds=[lifeline],
        stdin=subprocess.PIPE if has_input else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
        env=environment,
        umask=_SHARED_UMASK,
        # No terminal to ask on, and a group that ends as a whole: ssh and transport helpers are git's children.
        start_new_session=True,
    )


def _is_kept(name: str) -> bool:
    return name in _FROM_THE_USER or name.startswith(_FROM_THE_USER_BY_PREFIX)


def _collected(process: "subprocess.Popen[bytes]", stdin: bytes, deadline: float, limit: int) -> Ended:
    output, errors = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        _register(selector, process.stdout, selectors.EVENT_READ)
        _register(selector, process.stderr, selectors.EVENT_READ)
        if stdin:
            _register(selector, process.stdin, selectors.EVENT_WRITE)
        while selector.get_map():
            ready = selector.select(_left(deadline))
            for key, _ in ready:
                if key.fileobj is process.stdin:
                    stdin = _feed(selector, process.stdin, stdin)
                elif key.fileobj is process.stdout:
                    _take(selector, process.stdout, output, limit + 1)
                else:
                    _take(selector, process.stderr, errors, ERROR_LIMIT)
            if len(output) > limit:
                raise OutputTooLarge
    try:
        code = process.wait(_left(deadline))
    except subprocess.TimeoutExpired:
        raise GitTimeout from None
    return Ended(code, bytes(output), errors.decode("utf-8", "replace"))


def _register(selector: selectors.BaseSelector, pipe: IO[bytes] | None, events: int) -> None:
    if pipe is not None:
        os.set_blocking(pipe.fileno(), False)
        selector.register(pipe, events)


def _feed(selector: selectors.BaseSelector, pipe: IO[bytes], data: bytes) -> bytes:
    try:
        rest = data[os.write(pipe.fileno(), data[:_CHUNK]) :]
    except BrokenPipeError:
        rest = b""  # it ended without reading all; its exit code says why
    if not rest:
        selector.unregister(pipe)
        pipe.close()
    return rest


def _take(selector: selectors.BaseSelector, pipe: IO[bytes] | None, into: bytearray, limit: int) -> None:
    if pipe is None:
        return
    data = os.read(pipe.fileno(), _CHUNK)
    if not data:
        selector.unregister(pipe)
    into += data[: max(limit - len(into), 0)]


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise GitTimeout
    return left


def _close(process: "subprocess.Popen[bytes]") -> None:
    # Not yet waited for, the leader keeps the number of its group from being given to others, even when it has ended.
    # A group of which only that is left cannot be signalled on macOS.
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None and not pipe.closed:
            pipe.close()
    process.wait(_KILL_SECONDS)

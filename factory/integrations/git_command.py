"""Runs the user's git: hardened, bounded in time and in output, and never waiting for a person.

Two surroundings, since they serve opposite ends. Towards a remote git has the user's own configuration, with its
credential helpers, ssh and proxies. On what an agent made it has none at all, neither the user's nor the system's.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from factory.errors import Broken, RepositoryUnavailable
from factory.integrations.bounded_process import Bounds, CommandTimeout, Ended, TooMuchOutput, close, collected, lifeline

OUTPUT_LIMIT = 16 * 1024 * 1024
"""Bytes on stdout: room for the paths of 100,000 files."""
ERROR_LIMIT = 64 * 1024
"""Bytes kept of stderr; more is read and dropped, so that git does not block on it."""
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
    with lifeline() as line:
        process = _started(command, sealed_environment() if environment is None else environment, line, has_input=bool(stdin))
        try:
            ended = collected(process, stdin, Bounds(time.monotonic() + timeout, limit, ERROR_LIMIT))
        except CommandTimeout:
            raise GitTimeout from None
        except TooMuchOutput:
            raise OutputTooLarge from None
        finally:
            close(process)
    # By the kernel when memory is short, or by whoever stops the machine: that says nothing about the repository.
    if ended.code < 0 or ended.code > _SIGNALLED or _CHILD_KILLED.search(ended.errors):
        raise RepositoryUnavailable(f"git {arguments[0]} was ended by a signal; it has to be done again.")
    return ended


def _started(command: list[str], environment: Mapping[str, str], line: int, *, has_input: bool) -> "subprocess.Popen[bytes]":
    program = shutil.which("git", path=environment.get("PATH"))
    if program is None:
        raise Broken("There is no git on this machine's PATH; the factory needs it.")
    return subprocess.Popen(
        ["/bin/sh", "-c", _BOUNDED, str(MEMORY_LIMIT_KIB), str(line), program, *command],
        pass_fds=[line],
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

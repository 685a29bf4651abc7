"""The first program of every worker's process: gives up what the worker must not have, and becomes the worker.

Run by path with `python -I -S`, so it has the standard library and nothing else. It is a program of its own, and not code
between fork and exec, because the host is a process with threads, in which Python after a fork may deadlock. Its first
argument is a plan in JSON, the rest is the command. In bubblewrap it runs twice, outside and inside.
"""

import ctypes
import json
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

_FIRST_INHERITED = 3
_PR_SET_NO_NEW_PRIVS = 38
_FIRST_TO_GO = "500"
"""When memory runs out a worker goes before the factory and its database."""
_EXIT_CANNOT_EXECUTE = 126
_PUBLIC_FILES = 0o022
"""What repositories' tests expect of new files; the worker's folder is closed to others as a whole."""


class Plan(TypedDict, total=False):
    """What to do before the command; what is missing is left as it is.

    `limits` are names of `resource` and values; `uid` is also the gid, without further groups.
    """

    limits: dict[str, int]
    uid: int
    folder: str


def main(arguments: list[str]) -> int:
    """Ends only by exec, or with 126 and a sentence in the worker's log."""
    # First, and only now: the descriptor of the host's lock came along until the markers were to be seen in /proc.
    os.closerange(_FIRST_INHERITED, os.sysconf("SC_OPEN_MAX"))
    plan: Plan = json.loads(arguments[0])
    command = arguments[1:]
    try:
        _prepare(plan)
        os.execvp(command[0], command)  # noqa: S606 - the worker's own command line, no shell is wanted
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]}: {error}\n")
        return _EXIT_CANNOT_EXECUTE


def _prepare(plan: Plan) -> None:
    if os.getpgrp() != os.getpid():
        os.setsid()
    os.umask(_PUBLIC_FILES)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, "ascii")
    for name, value in plan.get("limits", {}).items():
        _limit(getattr(resource, name), value)
    if "uid" in plan:
        _become(plan["uid"])
    # Entered as the worker: the folder is closed to root without its capabilities.
    if "folder" in plan:
        os.chdir(plan["folder"])


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (lowest, lowest))


def _become(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # Else a set-uid program would lead out of the uid again, and out of the sweep.
    if ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 and sys.platform == "linux":
        raise OSError("the kernel refuses no_new_privs")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

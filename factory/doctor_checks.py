"""What the doctor looks at of the machine: pure functions of what was read, so that each can be tried with any value."""

import re
from collections.abc import Iterable, Mapping

from factory.doctor import Verdict, fail, ok, warn
from factory.ports import Clock

OLDEST_PYTHON = (3, 11)
OLDEST_GIT = (2, 32)
"""From here on git obeys GIT_CONFIG_GLOBAL; an older one would read the user's configuration in repositories that agents filled."""

FEW_BYTES = 512 * 1024 * 1024
"""The tree and its database need half of it; an agent needs about as much for itself."""
LOW_BYTES = 2 * FEW_BYTES
FEW_FILES, LOW_FILES = 256, 1024
"""A database connection, sockets and pipes for each of some dozen processes."""
MIN_DISK_BYTES = 1024 * 1024 * 1024
"""A new database has 40 MB and up to 512 MB of log; clones come on top."""
LOW_DISK_SHARE = 0.10

_BUILT = 1_767_225_600.0
"""Unix time of a day before this was written: a clock that is before it was never set."""
_JUMP_SECONDS = 0.5
_GIT_VERSION = re.compile(r"git version (\d+)\.(\d+)")
_GIB = 1024**3
_OURS = "software-factory"


def python(version: tuple[int, int, int], executable: str) -> Verdict:
    told = ".".join(map(str, version))
    if version[:2] < OLDEST_PYTHON:
        return fail(f"Python {told} is too old.", "install Python 3.11 or newer, and the factory again with it")
    return ok(f"{told} at {executable}")


def memory(available: int, total: int) -> Verdict:
    told = f"{_gib(available)} of {_gib(total)} available"
    if available < FEW_BYTES:
        return fail(f"{told}: too little for the factory and one agent.", "end other programs, or add memory")
    if available < LOW_BYTES:
        return warn(f"{told}: little for more than one agent.", "factory up --set max_workers=1")
    return ok(told)


def clock(reader: Clock, before: tuple[float, float]) -> Verdict:
    """`before`: both clocks as they were a moment ago, the steady one first."""
    steady, wall = reader.monotonic() - before[0], reader.now() - before[1]
    mend = "timedatectl set-ntp true"
    if reader.now() < _BUILT:
        return fail("This machine's clock was never set: it is years behind.", mend)
    if steady < 0:
        return fail("The steady clock goes backwards, so no time-out can be relied on.", "restart the machine or its container")
    if abs(wall - steady) > _JUMP_SECONDS:
        return warn(f"The clock was just set by {wall - steady:+.1f} s.", mend)
    return ok("set, and steady")


def open_files(soft: int) -> Verdict:
    told = f"{soft} open files at once"
    if 0 <= soft < FEW_FILES:
        return fail(f"{told} are too few.", f"ulimit -n {LOW_FILES * 4}")
    if 0 <= soft < LOW_FILES:
        return warn(f"{told} are enough for a few workers only.", f"ulimit -n {LOW_FILES * 4}")
    return ok(told if soft >= 0 else "no limit of open files")


def search_path(environ: Mapping[str, str]) -> Verdict:
    """A service starts with another PATH than a login does, which is why it is told."""
    path = environ.get("PATH", "")
    return ok(path) if path else fail("PATH is empty, so no program can be found.", "export PATH=/usr/local/bin:/usr/bin:/bin")


def git(text: str | None, path: str) -> Verdict:
    """`text`: what `git --version` said; None: there is none on `path`."""
    if text is None:
        return fail(f"There is no git on this PATH ({path}).", "apt install git")
    match = _GIT_VERSION.search(text)
    if not match:
        return warn(f"This git does not tell a version: {text[:80]!r}.", "git --version")
    if (int(match[1]), int(match[2])) < OLDEST_GIT:
        return fail(f"{text}: it cannot be kept from configuration that an agent may have written.", "install git 2.32 or newer")
    return ok(f"{text}, safe on repositories of others")


def isolation(grade: str, way: str, *, asked_for: bool, linux: bool, bubblewrap: bool, root: bool, remote: bool = False) -> Verdict:
    """The grade that workers get here, and what would make it better.

    Args:
        asked_for: the settings want them unconfined.
        remote: results come from other machines too.
    """
    if grade != "unconfined":
        return ok(f"{grade}, by {way}")
    why = "Workers are unconfined: plain processes with the rights of this user."
    if remote:
        why += " No gate is run here of what other machines' confined workers made."
    if asked_for:
        return warn(f"{why} The setting isolation asks for it.", "factory up --set isolation=auto")
    if not linux:
        return warn(why, "run the factory on Linux to have workers confined")
    if bubblewrap and not root:
        # The usual reason where the program is there: the kernel gives unprivileged users no namespaces.
        return warn(f"{why} bubblewrap is installed and does not work.", "sysctl kernel.apparmor_restrict_unprivileged_userns=0")
    return warn(why, "apt install bubblewrap")


def disk(free: int, total: int, folder: str) -> Verdict:
    told = f"{_gib(free)} of {_gib(total)} free at {folder}"
    mend = f"free some space there, or name another folder with FACTORY_DATA; what is big: du -xh {folder} | sort -h | tail"
    if free < MIN_DISK_BYTES:
        return fail(f"{told}: less than the {_gib(MIN_DISK_BYTES)} that a factory needs.", mend)
    if free < LOW_DISK_SHARE * total:
        return warn(f"{told}: less than {LOW_DISK_SHARE:.0%}.", mend)
    return ok(told)


def packages(owners: Iterable[str]) -> Verdict:
    """`owners`: the installed distributions that bring a top-level package `factory`."""
    others = sorted(set(owners) - {_OURS})
    if others:
        mend = f"pip uninstall {' '.join(others)} && pip install --force-reinstall {_OURS}"
        return fail(f"Another package named `factory` is installed over this one, by {', '.join(others)}.", mend)
    return ok("`factory` is this package")


def engine(name: str, program: str, version: str, given: Iterable[str]) -> Verdict:
    """`given`: names of the variables that its workers get."""
    names = ", ".join(given)
    return ok(f"{name} {version or 'of an unknown version'} at {program}, {f'with {names}' if names else 'with no key of its own'}")


def engine_lacks(missing: str) -> Verdict:
    """`missing`: the sentence that says what keeps an engine from working, with its mend. Nobody has to have all of them."""
    why, _, mend = missing.partition(": ")
    return warn(f"{why}. Other agents (command:PROGRAM) need none of it.", mend)


def specs(command: str, program: str | None, model: str, *, key: bool) -> Verdict:
    """Who writes specs for issues.

    Args:
        command: the setting spec_command; `program` is where its first word was found.
        key: whether there is one for the model.
    """
    if command:
        mend = "write its whole path into the setting spec_command"
        return ok(f"written by {program}") if program else fail(f"spec_command is `{command}`, whose program is not on this PATH.", mend)
    if key:
        return ok(f"written by {model}")
    mend = "export ANTHROPIC_API_KEY=... (from https://console.anthropic.com), or set spec_command"
    return warn("No model writes specs: an issue becomes a plain one of its own text.", mend)


def _gib(size: int) -> str:
    return f"{size / _GIB:.1f} GB"

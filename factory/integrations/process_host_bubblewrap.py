"""The bubblewrap profile: what of this machine a worker sees."""

import pwd
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from factory.integrations import process_host_uids

_TOOLCHAIN = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix")
"""What compilers, interpreters and certificates need; of these `/etc` and `/opt` only what every user may read."""
_MADE_INSIDE = ("/proc", "/dev", "/tmp")  # noqa: S108 - the worker's own, not the machine's
_RESOLVER = Path("/etc/resolv.conf")

# Not --die-with-parent: a worker belongs to its lease and outlives the process that made it.
_ALWAYS = ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--new-session", "--cap-drop", "ALL")
# Root maps no user namespace: everything would be read as the real root, /etc/shadow first, only under another name.
# It keeps the two capabilities by which the entry program takes a uid of its own inside; they go with that step. Bubblewrap
# cannot be started under that uid instead, which could not reach an interpreter in root's home to bind it.
_AS_ROOT = ("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")
_AS_USER = ("--unshare-user",)


@dataclass(frozen=True, slots=True)
class Profile:
    """The options that all workers of a host share.

    Attributes:
        as_root: root starts it, and the worker gets a uid of its own.
        network: leave it the machine's network, as the model's address must be reached from inside.
        passwd: shown as /etc/passwd, so that the worker's uid has a name.
    """

    as_root: bool
    network: bool
    passwd: Path | None = None

    def options(self, folder: Path, readable: Iterable[Path]) -> list[str]:
        """Later ones win over earlier ones: the worker's own folder is last, and the only one it can write in.

        A data folder, that of the workers' folders, inside what every worker sees is covered; what a worker may read of it is
        shown again, piece by piece.
        """
        options = [*_ALWAYS, *(_AS_ROOT if self.as_root else _AS_USER)]
        options += [] if self.network else ["--unshare-net"]
        for place in _TOOLCHAIN:
            options += ["--ro-bind-try", place, place]
        covers = _covers(folder.parent.parent)
        for cover in covers:
            options += ["--perms", "0755", "--tmpfs", str(cover)]
        options += self._passwd()
        options += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp"]  # noqa: S108
        for path in _uncovered((*_resolver(), *readable), covers):
            options += [*_parents(path), "--ro-bind", str(path), str(path)]
        # Without root the worker owns the root folder that bubblewrap made, and could write what fills the memory.
        sealed = [option for place in (*covers, Path("/")) for option in ("--remount-ro", str(place))]
        return [*options, *_parents(folder), "--bind", str(folder), str(folder), *sealed]

    def _passwd(self) -> list[str]:
        return ["--ro-bind", str(self.passwd), "/etc/passwd"] if self.passwd else []


def write_passwd(path: Path) -> None:
    """The machine's accounts and one for each worker's uid: git, ssh and node fail for a uid without a name."""
    entries = [_line(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir, entry.pw_shell) for entry in pwd.getpwall()]
    uids = range(process_host_uids.FIRST, process_host_uids.TRIAL + 1)
    workers = [_line(f"worker-{uid}", uid, uid, "/", "/bin/sh") for uid in uids]
    new = path.with_suffix(".new")
    new.write_text("".join(entries + workers), "utf-8")
    new.chmod(0o644)
    new.replace(path)


def _line(name: str, uid: int, gid: int, home: str, shell: str) -> str:
    return f"{name}:x:{uid}:{gid}::{home}:{shell}\n"


def _resolver() -> list[Path]:
    """Where the file with the name servers really is: often below /run, which a worker does not see."""
    with suppress(OSError):
        target = _RESOLVER.resolve(strict=True)
        if not any(target.is_relative_to(place) for place in _TOOLCHAIN):
            return [target]
    return []


def _covers(data: Path) -> list[Path]:
    """Where the folder would be seen: /lib shows what is in /usr/lib."""
    real = ((Path(place), Path(place).resolve()) for place in _TOOLCHAIN)
    return [place / data.relative_to(resolved) for place, resolved in real if data.is_relative_to(resolved)]


def _uncovered(paths: Iterable[Path], covers: Iterable[Path]) -> list[Path]:
    """Without what is inside another: bubblewrap cannot bind over a link in a folder that is bound already."""
    toolchain, shown = [Path(place) for place in _TOOLCHAIN], list[Path]()
    for path in paths:
        seen = _is_below(path, toolchain) and not _is_below(path, covers)
        if not seen and not _is_below(path, shown):
            shown.append(path)
    return shown


def _is_below(path: Path, places: Iterable[Path]) -> bool:
    return any(path.is_relative_to(place) for place in places)


def _parents(path: Path) -> list[str]:
    """Made by name: those that bubblewrap makes by itself are closed to everybody but root."""
    inside = [folder for folder in reversed(path.parents) if folder != Path("/") and str(folder) not in _MADE_INSIDE]
    return [option for folder in inside for option in ("--dir", str(folder))]

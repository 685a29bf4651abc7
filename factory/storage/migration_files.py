"""The numbered migrations as they ship: found, ordered, and refused when they cannot be trusted."""

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import takewhile

import migrations
from factory.errors import Broken, SchemaMismatch

_OWNER = "software-factory"
_FILE_NAME = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.sql")
_NUMBERED = re.compile(r"\d")
_EXTENSION = re.compile(r"--\s*extension:\s*(?P<name>[a-z_]+)\s*")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file. `extensions` are created and committed before it runs."""

    version: int
    name: str
    text: str
    checksum: str
    extensions: tuple[str, ...]

    @property
    def label(self) -> str:
        return f"{self.version:04d}_{self.name}"


@dataclass(frozen=True, slots=True)
class Applied:
    """One row of what the database has been through."""

    version: int
    name: str
    checksum: str


def shipped_migrations() -> Traversable:
    """The folder of the package `migrations`.

    Raises:
        Broken: the package that Python finds under this name is another project's.
    """
    if getattr(migrations, "OWNER", None) != _OWNER:
        raise Broken(f"Another project's package 'migrations' is found instead of ours: {migrations.__file__}.")
    return files(migrations)


def read_migrations(folder: Traversable) -> list[Migration]:
    """All numbered files in order.

    Raises:
        Broken: a number is missing or used twice, or a file's name is not of the form.
    """
    found = sorted((_read(file) for file in folder.iterdir() if _is_numbered(file.name)), key=lambda one: one.version)
    first = found[0].version if found else 1
    if [one.version for one in found] != list(range(first, first + len(found))) or first > 1:
        raise Broken(f"The migrations are not numbered without gaps: {', '.join(one.label for one in found)}.")
    return found


def pending(known: list[Migration], applied: list[Applied]) -> list[Migration]:
    """Those still to be run.

    Raises:
        SchemaMismatch: the database is newer than the code, or was made by other files than these.
    """
    _refuse_newer(known, applied)
    for migration, row in zip(known, applied, strict=False):
        _refuse_edited(migration, row)
    return known[len(applied) :]


def _refuse_newer(known: list[Migration], applied: list[Applied]) -> None:
    newest = known[-1].version if known else 0
    if applied and applied[-1].version > newest:
        raise SchemaMismatch(
            f"The database is at migration {applied[-1].version:04d} and this version of the factory knows none after "
            f"{newest:04d}: upgrade the factory."
        )


def _refuse_edited(migration: Migration, row: Applied) -> None:
    if (migration.version, migration.name, migration.checksum) != (row.version, row.name, row.checksum):
        raise SchemaMismatch(
            f"Migration {row.version:04d}_{row.name} was changed after this database went through it: "
            "restore the file and put the change into a new one."
        )


def _is_numbered(file_name: str) -> bool:
    return file_name.endswith(".sql") and _NUMBERED.match(file_name) is not None


def _read(file: Traversable) -> Migration:
    parts = _FILE_NAME.fullmatch(file.name)
    if parts is None:
        raise Broken(f"The migration {file.name} is not named like 0001_what_it_does.sql.")
    # A checkout on another system may have other line ends; that is no edit.
    text = file.read_text(encoding="utf-8").replace("\r\n", "\n")
    checksum = hashlib.sha256(text.encode()).hexdigest()
    return Migration(int(parts["version"]), parts["name"], text, checksum, _extensions(text))


def _extensions(text: str) -> tuple[str, ...]:
    """From the comment lines at the head of the file."""
    head = takewhile(lambda line: not line.strip() or line.startswith("--"), text.splitlines())
    return tuple(match["name"] for line in head if (match := _EXTENSION.fullmatch(line)))

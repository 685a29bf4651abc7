"""A Markdown file that is dropped into the inbox: an issue without a forge.

---
repo: owner/name, an address, or a path
base: main
priority: high
engine: claude
needs: gpu, big
---
# Title

What is wanted.
"""

import hashlib
import re
from dataclasses import dataclass

from factory.domain.hosts import listed, needs_objection
from factory.domain.issue import MAX_BODY, IssueText, bounded
from factory.domain.repository_address import OBJECTION, holds_secret
from factory.domain.work_item import Priority

MAX_BYTES = 4 * MAX_BODY
"""Of a file, before it is read."""

_NAMES = ("repo", "base", "priority", "engine", "needs")
_LINE = re.compile(r"(?P<name>[A-Za-z_]+)[ \t]*:[ \t]*(?P<value>.*)")
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file asks for. `address`: of the repository, as git takes it; `needs`: labels of the host that works on it."""

    text: IssueText
    address: str
    base_branch: str
    priority: Priority
    engine: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Defaults:
    """For what a file does not say.

    Attributes:
        repos: `owner/name` of those that are watched; the only one is meant where none is named.
        web: where repositories that are named so are cloned from.
    """

    repos: tuple[str, ...] = ()
    web: str = "https://github.com"
    engine: str = "claude"


def read(text: str, name: str, defaults: Defaults) -> Wanted | str:
    """What the file asks for, or why it cannot be taken, as a sentence.

    Args:
        name: of the file; its title where the text has none.
    """
    head, body = _front_matter(text)
    if body is None:
        return "The front matter that begins in the first line has no end: close it with a line of three dashes."
    fields: dict[str, str] = {}
    for line in filter(str.strip, head):
        match = _LINE.fullmatch(line.strip())
        if match is None or match["name"].lower() not in _NAMES:
            return f"The line {line.strip()[:60]!r} of the front matter is none of {', '.join(_NAMES)}, written as `name: value`."
        fields[match["name"].lower()] = match["value"].strip().strip("\"'")
    if not body.strip():
        return "The file says nothing beside its front matter."
    return _wanted(fields, body, name, defaults)


def _wanted(fields: dict[str, str], body: str, name: str, defaults: Defaults) -> Wanted | str:
    repo = fields.get("repo") or (defaults.repos[0] if len(defaults.repos) == 1 else "")
    if not repo:
        return "The file names no repository: begin it with `repo: owner/name` between two lines of three dashes."
    if holds_secret(repo):
        return f"The repository's address {OBJECTION}."
    priority = fields.get("priority", "medium").upper()
    if priority not in Priority.__members__:
        return f"{priority.lower()[:40]!r} is no priority: write {', '.join(each.name.lower() for each in Priority)}."
    needs = listed(fields.get("needs", ""))
    if objection := needs_objection(needs):
        return f"{objection[0].upper()}{objection[1:]}."
    title, rest = _titled(body, name)
    address = f"{defaults.web}/{repo}.git" if _SLUG.fullmatch(repo) else repo
    text = bounded(title, rest)
    return Wanted(text, address, fields.get("base") or "main", Priority[priority], fields.get("engine") or defaults.engine, needs)


def stamp_of(name: str, size: int, modified: int, content: bytes) -> str:
    """Tells this file from a later one of its name. `modified` in nanoseconds."""
    return hashlib.sha256(f"{name}\0{size}\0{modified}\0".encode(errors="surrogateescape") + content).hexdigest()[:16]


def _front_matter(text: str) -> tuple[list[str], str | None]:
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].rstrip() != "---":
        return [], text
    ends = [number for number, line in enumerate(lines[1:], 1) if line.rstrip() == "---"]
    return (lines[1 : ends[0]], "\n".join(lines[ends[0] + 1 :])) if ends else ([], None)


def _titled(body: str, name: str) -> tuple[str, str]:
    lines = body.strip().splitlines()
    if lines[0].startswith("# "):
        return lines[0][2:].strip(), "\n".join(lines[1:]).strip()
    return name.rpartition(".")[0].replace("-", " ").replace("_", " ").strip() or name, body.strip()

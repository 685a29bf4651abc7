"""SPEC.md: a title, tasks as checkboxes, and the files that the work declares it will touch.

The same reading serves the one who accepts a spec and the worker that watches the boxes being ticked.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_SPEC_BYTES = 800_000
"""One megabyte: it travels in one frame of the worker link, which must have room for the rest of the assignment."""

_TASK = re.compile(r"(?P<indent>[ \t]*)(?:[-*+]|\d{1,9}[.)])[ \t]+\[(?P<mark>[ xX])\](?:[ \t]+(?P<text>.*))?$")
_HEADING = re.compile(r" {0,3}(?P<level>#{1,6})[ \t]+(?P<text>.*)$")
_LIST_ITEM = re.compile(r"[ \t]*[-*+][ \t]+(?P<text>\S.*)$")
_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})")
_QUOTED = re.compile(r"`([^`]+)`")
_FILES_LEVEL = 2
_TAB_COLUMNS = 4


@dataclass(frozen=True, slots=True)
class Task:
    """A checkbox. `depth` is 0 at the top and rises by one for each task that it is nested in."""

    text: str
    done: bool
    depth: int


@dataclass(frozen=True, slots=True)
class Spec:
    """What a SPEC.md says. A task that holds others counts like any other: it is ticked by whoever ticks it."""

    title: str
    tasks: tuple[Task, ...]
    files: tuple[str, ...]

    @property
    def open_tasks(self) -> int:
        return sum(not task.done for task in self.tasks)

    @property
    def done_tasks(self) -> int:
        return sum(task.done for task in self.tasks)


@dataclass(frozen=True, slots=True)
class SpecProblem:
    """Why a spec cannot be worked on, as one sentence for the person who wrote it."""

    reason: str


def read_spec(source: str | bytes) -> Spec | SpecProblem:
    """Parses and validates; whoever accepts a spec from outside calls this one."""
    raw = source.encode(errors="surrogatepass") if isinstance(source, str) else source
    if len(raw) > MAX_SPEC_BYTES:
        return SpecProblem(f"The spec has {len(raw):,} bytes, and {MAX_SPEC_BYTES:,} are allowed.")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return SpecProblem(f"The spec is not UTF-8 text: byte {error.start + 1} cannot be read.")
    if "\0" in text:
        return SpecProblem("The spec is a binary file: it holds a NUL byte.")
    spec = parse_spec(text)
    return _problem(spec) or spec


def parse_spec(text: str) -> Spec:
    """Parses whatever is there: the copy in a workspace may be half-written by the agent."""
    tasks: list[Task] = []
    files: list[str] = []
    columns: list[int] = []  # of the tasks that the next one may be nested in
    title = ""
    section: tuple[int, str] = (0, "")
    for line in _prose(text):
        if heading := _HEADING.match(line):
            named = heading["text"].rstrip().rstrip("#").strip()
            section = _section(section, len(heading["level"]), named.lower())
            title = title or named
        elif task := _TASK.match(line):
            tasks.append(_nest(columns, task))
        elif section == (_FILES_LEVEL, "files") and (item := _LIST_ITEM.match(line)):
            files.append(_path(item["text"]))
    return Spec(title or _first_line(text), tuple(tasks), tuple(path for path in dict.fromkeys(files) if path))


def ticked(text: str) -> str:
    """The same text with every task done."""
    prose = {number for number, _ in _numbered_prose(text)}
    lines = text.splitlines(keepends=True)
    return "".join(_tick(line) if number in prose else line for number, line in enumerate(lines))


def remaining(original: Spec, now: Spec) -> int:
    """Tasks still to do. A box that was deleted instead of ticked is still to do."""
    return max(now.open_tasks, len(original.tasks) - now.done_tasks)


def _problem(spec: Spec) -> SpecProblem | None:
    if not spec.tasks:
        return SpecProblem("The spec has no tasks: write each as a line that starts with `- [ ]`.")
    if not spec.open_tasks:
        return SpecProblem("The spec has no open task: each is ticked already; one to do starts with `- [ ]`.")
    outside = [path for path in spec.files if path.startswith(("/", "~")) or ".." in path.split("/")]
    if outside:
        return SpecProblem(f"The spec declares the file {outside[0]!r}, which is not a path inside the repository.")
    return None


def _prose(text: str) -> Iterator[str]:
    return (line for _, line in _numbered_prose(text))


def _tick(line: str) -> str:
    task = _TASK.match(line.rstrip())
    return line if task is None else f"{line[: task.start('mark')]}x{line[task.end('mark') :]}"


def _numbered_prose(text: str) -> Iterator[tuple[int, str]]:
    """Lines outside fenced blocks, with their place: a checkbox in an example is no task."""
    fence = ""
    for number, line in enumerate(text.splitlines()):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark["fence"].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif mark:
            fence = mark["fence"]
        else:
            yield number, line


def _section(current: tuple[int, str], level: int, text: str) -> tuple[int, str]:
    # A heading below `## Files` (per component, say) still lists files.
    return current if current == (_FILES_LEVEL, "files") and level > _FILES_LEVEL else (level, text)


def _nest(columns: list[int], found: re.Match[str]) -> Task:
    column = len(found["indent"].expandtabs(_TAB_COLUMNS))
    while columns and columns[-1] >= column:
        columns.pop()
    columns.append(column)
    return Task((found["text"] or "").strip(), found["mark"] != " ", len(columns) - 1)


def _path(text: str) -> str:
    quoted = _QUOTED.search(text)
    path = quoted[1].strip() if quoted else text.split(maxsplit=1)[0].rstrip(":,;")
    return path.removeprefix("./")


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")

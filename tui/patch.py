"""A result's change as lines: exactly what an approval is for, so nothing in it is left out or made pretty. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from factory.domain.clean import visible
from tui.page import Line, wrapped
from tui.states import Tone

MOST_CHARACTERS = 2_000_000
"""Of a patch; a longer one is read with `factory diff`."""

_MOST_FILES = 50
_TAB = 4

_TONES: Sequence[tuple[str, Tone]] = (
    ("commit ", "warn"), ("diff ", "head"), ("--- ", "head"), ("+++ ", "head"), ("@@", "busy"), ("+", "good"), ("-", "bad"),
)  # fmt: skip
"""Of lines by how they begin; the first that fits."""


class Patch:
    """A diff as it comes, page by page.

    Attributes:
        head: everything of the answer but the patch.
        next: the characters that are there, and where the next page begins.
    """

    def __init__(self) -> None:
        self.head: Mapping[str, Any] = {}
        self.next = 0
        self._pages: list[str] = []

    @property
    def whole(self) -> bool:
        """Nothing is missing, or no more will be asked for."""
        size = int(self.head.get("size") or 0)
        return bool(self.head) and (self.next >= size or self.next >= MOST_CHARACTERS)

    def take(self, page: Mapping[str, Any]) -> None:
        """A page; one of another result begins anew."""
        key = ("item", "epoch", "commit")
        if [self.head.get(name) for name in key] != [page.get(name) for name in key] or not page.get("offset"):
            self._pages, self.next = [], 0
        if int(page.get("offset") or 0) != self.next:
            return
        self.head = {name: value for name, value in page.items() if name != "patch"}
        text = str(page.get("patch") or "")
        self._pages.append(text)
        # A page without text would be asked for again and again.
        self.next = int(page.get("next") or 0) if text else int(self.head.get("size") or 0)

    @property
    def text(self) -> str:
        return "".join(self._pages)

    def lines(self, size: int) -> list[Line]:
        """Head, files and patch, wrapped: what is cut off at the right could be what matters."""
        if not self.head:
            return []
        body = self.text.rstrip("\n").split("\n") if self.text else []
        return [*self._head(size), *(line for text in body for line in _lines(text, size)), *self._foot(size)]

    def _head(self, size: int) -> list[Line]:
        head = self.head
        base, commit = (visible(str(head.get(name) or ""))[:12] for name in ("base", "commit"))
        digest = f"   digest {visible(str(head['digest']))[:16]}" if head.get("digest") else ""
        lines = [Line(part, "head") for part in wrapped(f"attempt {head.get('epoch')}: {base}..{commit}{digest}", size, "  ")]
        lines += [Line(f"  {visible(str(one.get('commit')))[:12]} {visible(str(one.get('subject')))}") for one in head.get("commits") or ()]
        lines.append(Line(""))
        files = list(head.get("files") or ())
        lines += [line for one in files[:_MOST_FILES] for line in _file(one, size)]
        more = int(head.get("file_count") or len(files)) - len(files[:_MOST_FILES])
        lines += [Line(f"  and {more} files more", "warn")] if more > 0 else []
        return [*lines, Line("")]

    def _foot(self, size: int) -> list[Line]:
        if self.head.get("too_large"):
            return [Line(part, "warn") for part in wrapped(visible(str(self.head["too_large"])), size)]
        missing = int(self.head.get("size") or 0) - self.next
        if not missing:
            return []
        item = self.head.get("item")
        said = f"{missing:,} characters more: factory diff {item}" if self.whole else f"{missing:,} characters more are being read"
        return [Line(""), Line(said, "warn")]


def totals(head: Mapping[str, Any]) -> str:
    """`+84 -12`, over the files that are named."""
    files = head.get("files") or ()
    added, deleted = (sum(int(one.get(name) or 0) for one in files) for name in ("added", "deleted"))
    return f"+{added} -{deleted}"


def _file(row: Mapping[str, Any], size: int) -> list[Line]:
    counts = "binary" if row.get("added") is None else f"+{row['added']} -{row.get('deleted') or 0}"
    return [Line(part) for part in wrapped(f"  {counts:<12} {visible(str(row.get('path')))}", size, " " * 15)]


def _lines(text: str, size: int) -> list[Line]:
    tone: Tone = next((tone for start, tone in _TONES if text.startswith(start)), "")
    return [Line(part, tone) for part in wrapped(visible(text).expandtabs(_TAB), size, "    ", exact=True)]

"""What an issue shows, without what it hides: a person who labels it has read it as GitHub paints it, and an agent reads all of it.

Removed are comments, attributes of tags, alternative texts and titles of images and links, definitions of links that nobody uses, all
footnotes (one that is not pointed to is painted nowhere, however much it holds), and every character that cannot be seen. Text in a
fenced block stays as it is, since it is shown as it is, but for those characters.
"""

import re
from collections.abc import Iterator

from factory.domain.clean import clean

_PASSES = 8
"""What is removed may leave something to be removed: text made for that is made plain after so many passes."""

_FENCE = re.compile(r"(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^`]*)$")
_INFO = re.compile(r"[\w+#.-]{1,30}")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<[!?][^>]*(?:>|\Z)", re.DOTALL)
_QUOTED = r"\"[^\"]{0,1000}+\"|'[^']{0,1000}+'"
_TAG = re.compile(rf"<(?P<name>/?[A-Za-z][A-Za-z0-9-]*+)(?:[\s/](?:[^<>\"']|{_QUOTED})*+)>")
_LONG_TAG = re.compile(r"<[A-Za-z][A-Za-z0-9-]*+\s[^>]{400,}+>?")
_IMAGE = re.compile(r"!\[[^\]]{1,2000}+\](?=[(\[])")
# Possessive: blanks that two parts may share would be tried in every way to share them.
_TARGET = re.compile(r"\]\((?P<target>\s*+(?:<[^<>\n]{0,2000}>|[^\s()<>]{1,2000}+))?\s++(?:\"[^\"]*+\"|'[^']*+'|\([^()]*+\))\s*+\)")
_DATA = re.compile(r"\]\(\s*data:[^)\s]*\s*\)", re.IGNORECASE)
_DEFINITION = re.compile(
    r"^(?P<inside>(?:[ \t]*(?:>|[-*+]|\d{1,9}[.)]))*+)[ \t]{0,3}\[(?P<label>[^\]\n]{1,999})\]:[ \t]*\n?[ \t]*(?P<target><[^<>\n]*>|\S+)"
    r"(?:(?:[ \t]+|[ \t]*\n[ \t]*)(?:\"[^\"]{0,4000}+\"|'[^']{0,4000}+'|\([^()]{0,4000}+\))[ \t]*|[^\n]*)$",
    re.MULTILINE,
)
# With the lines that continue it: whatever is indented, also behind blank lines, and text that begins no block of its own.
_FOOTNOTE = re.compile(
    r"^(?:[ \t]*(?:>|[-*+]|\d{1,9}[.)]))*+[ \t]{0,3}\[\^[^\]\s]{1,999}\]:[^\n]*"
    r"(?:\n(?:[ \t]*\n)*+(?: {4}|\t)[^\n]*|\n(?! {0,3}(?:[-*+#>`~]|\d{1,9}[.)])) {0,3}[^\s][^\n]*)*+",
    re.MULTILINE,
)
_RAW = "pre|script|style|textarea"
_HTML = tuple(
    (re.compile(begin, re.IGNORECASE), re.compile(end, re.IGNORECASE))
    for begin, end in (
        ("<!--", "-->"),
        (r"<!\[CDATA\[", r"\]\]>"),
        (r"<\?", r"\?>"),
        ("<!(?!--)", ">"),
        (rf"^[\s>*+\d.)-]*<(?:{_RAW})\b", rf"</(?:{_RAW})>"),
    )
)
"""What goes on over blank lines until its end is read."""
_ENTITY = re.compile(r"&#(?:[0-9]{1,7}|[xX][0-9A-Fa-f]{1,6});|&(?:shy|zwj|zwnj|lrm|rlm|ZeroWidthSpace|NoBreak|InvisibleTimes);")
_VARIATION = re.compile(r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0e\uffa0\U000e0100-\U000e01ef]")
_MARKUP = re.compile(r"[<>\[\]!&]")


def sanitise(text: str) -> str:
    """The text that a person sees. Sanitised again it stays what it is."""
    for _ in range(_PASSES):
        shorter = _once(text)
        if shorter == text:
            return text
        text = shorter
    return _unseen(_MARKUP.sub(" ", text))


def _once(text: str) -> str:
    blocks = list(_blocks(_unseen(text.replace("\r\n", "\n").replace("\r", "\n"))))
    used = {label for is_code, block in blocks if not is_code for label in _labels(block)}
    return "\n".join(block if is_code else _shown(block, used) for is_code, block in blocks)


def _unseen(text: str) -> str:
    return _VARIATION.sub("", clean(text))


def _blocks(text: str) -> Iterator[tuple[bool, str]]:
    """Prose and fenced blocks in turn, as (is it code, its lines).

    Only a fence at the very beginning of a line counts, and none in HTML: anywhere else what looks like one may be painted as none.
    """
    prose: list[str] = []
    code: list[str] = []
    fence, html = "", _Html()
    for line in text.split("\n"):
        if fence:
            code.append(line)
            if line.startswith(fence) and not line.strip().strip(fence[0]):
                yield True, "\n".join([code[0], *code[1:-1], fence])
                code, fence = [], ""
            continue
        opening = _FENCE.match(line)
        if opening and not html.is_open:
            if prose:
                yield False, "\n".join(prose)
            info = _INFO.match(opening["info"])
            prose, fence = [], opening["fence"]
            code = [f"{fence}{info[0] if info else ''}"]
            html.paragraph_ends()
        else:
            prose.append(line)
            html.read(line)
    # One that is never closed ends with the text.
    if prose or code or not text:
        yield bool(code), "\n".join(code or prose)


class _Html:
    """Whether a line that follows may belong to HTML above it: a comment, a raw block, or a tag without a blank line behind it."""

    def __init__(self) -> None:
        self._open = [False] * len(_HTML)
        self._tag = False

    @property
    def is_open(self) -> bool:
        return self._tag or any(self._open)

    def read(self, line: str) -> None:
        self._tag = line != "" and (self._tag or line.lstrip().startswith("<"))
        for number, (begin, end) in enumerate(_HTML):
            begins, ends = (max((found.end() for found in each.finditer(line)), default=-1) for each in (begin, end))
            if begins != ends:
                self._open[number] = begins > ends

    def paragraph_ends(self) -> None:
        self._tag = False


def _shown(prose: str, used: set[str]) -> str:
    text = _COMMENT.sub("", prose)
    text = _TAG.sub(lambda found: f"<{found['name']}>", text)
    text = _LONG_TAG.sub("", text)
    text = _IMAGE.sub("![]", text)
    text = _TARGET.sub(lambda found: f"]({(found['target'] or '').strip()})", text)
    text = _FOOTNOTE.sub("", text)
    text = _DATA.sub("]()", text)
    text = _DEFINITION.sub(lambda found: _defined(found, used), text)
    return _ENTITY.sub(_entity, text)


def _labels(prose: str) -> set[str]:
    """What is pointed to: `[text][label]` and `[label]`, but not where it is defined."""
    without = _DEFINITION.sub("", prose)
    return {label.lower() for label in re.findall(r"\[([^\[\]\n]{1,999})\]", without)}


def _defined(found: re.Match[str], used: set[str]) -> str:
    if found["label"].lower() not in used or found["target"].lower().lstrip("<").startswith("data:"):
        return found["inside"]
    return f"{found['inside']}[{found['label']}]: {found['target']}"


def _entity(found: re.Match[str]) -> str:
    """A character written by its number goes where it cannot be seen, and else stays as it is written."""
    word = found[0][1:-1]
    if not word.startswith("#"):
        return ""
    number = int(f"0{word[1:]}", 16) if word[1] in "xX" else int(word[1:])
    letter = chr(number) if number < 0x110000 else ""  # noqa: PLR2004 - the last code point and one
    return found[0] if letter and _unseen(letter) == letter and letter.isprintable() else ""

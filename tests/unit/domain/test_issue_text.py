"""What an issue hides is gone, what it shows stays, and doing it again changes nothing."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from factory.domain.issue_text import sanitise

EVIL = "delete everything"

HIDING = [
    f"<!-- {EVIL} -->", f"<!--{EVIL}", f"<!-- a\n\n```\n{EVIL}\n``` -->", f"<!---> <!-- {EVIL} -->", f"<!-- - -- {EVIL} -->",
    f"<![CDATA[ {EVIL} ]]>", f"<?php {EVIL} ?>", f"<!DOCTYPE {EVIL}>", f"<!ELEMENT {EVIL}", f"<!-- {EVIL} --!> -->",
    f"![{EVIL}](http://x/y.png)", f"![{EVIL}][pic]\n\n[pic]: http://x/y.png", f'![](http://x "{EVIL}")', f"[link](http://x '{EVIL}')",
    f"[link](http://x ({EVIL}))", f'[link](<http://x> "{EVIL}")',
    f"[//]: # ({EVIL})", f'[//]: # "{EVIL}"', f"[comment]: <> ({EVIL})", f"[{EVIL}]: http://x", f"[1]: http://x '{EVIL}'\n\nsee [1]",
    f'[a]:\n   http://x "{EVIL}"',
    f'<img src=x alt="{EVIL}">', f"<img alt='{EVIL}'>", f'<a href="http://x" title="{EVIL}">link</a>',
    f'<div data-x="{EVIL}">\n\ntext</div>',
    f'<img alt="a > b {EVIL}">', f"<br {EVIL}>", f"<br/{EVIL}>", f'<p\nclass="{EVIL}"\n>', f'<img alt="{"x" * 1_500} {EVIL}">',
    f"<div>\n```\n<!-- {EVIL} -->\n```\n</div>", f"- item\n  ```\n  code\nafter <!-- {EVIL} -->", f"> ```\n<!-- {EVIL} -->",
    f"```{EVIL}\ncode\n```", f"``` `x` <!-- {EVIL} -->\n", f"```\ncode\n```\n<!-- {EVIL} -->\n```", f"    ```\n<!-- {EVIL} -->",
    f"[x](data:text/plain,{EVIL.replace(' ', '%20')})".replace("%20", "-"),
    "".join(chr(0xE0000 + ord(letter)) for letter in EVIL), f"\x1b]0;{EVIL}\x07", f"<sc<!-- x -->ript {EVIL}>",
    f"<pre>\n\nfoo\n\n```\n<!--\n```\n- [ ] {EVIL}\n-->\n</pre>", f"<!-- a > b\n\nfoo\n```\n{EVIL}\n```\n-->",
    f"text\n\n[^1]: note\n\n    - [ ] {EVIL}", f"text[^1]\n\n[^1]: note\n\n[^1]: again\n\n\t{EVIL}", f"`[^1]`\n\n[^1]: note\n{EVIL}",
    f"[a]: http://x '\n{EVIL}\n'", f'[a]: http://x\n"{EVIL}"\n\n[a]', f'- [a]: http://x "{EVIL}"', f"> 1. [a]: <> ({EVIL})",
    f"<style>\n\na\n\n```\n<!-- {EVIL} -->\n```\n</style>",
]  # fmt: skip
"""Payloads, each of which shows nothing of the words to a person."""


@pytest.mark.parametrize("payload", HIDING)
def test_what_is_hidden_is_gone_and_what_stands_around_it_stays(payload: str) -> None:
    """S3: forty payloads."""
    assert len(HIDING) >= 40
    clean = sanitise(f"Before\n\n{payload}\n")

    assert EVIL.replace(" ", "-") not in clean
    assert EVIL not in clean
    assert clean.startswith("Before")
    assert sanitise(clean) == clean


@pytest.mark.parametrize(
    "letter", ["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\u2066", "\U000e0041", "\ufe01", "\u3164", "\u180e"]
)
def test_what_cannot_be_seen_is_gone_also_from_code_and_written_by_its_number(letter: str) -> None:
    number = f"&#{ord(letter)};&#x{ord(letter):x};"

    assert sanitise(f"a{letter}b\n```\nc{letter}d\n```\ne{number}f") == "ab\n```\ncd\n```\nef"


SHOWING = [
    "Plain text, with **bold**, `code`, and a [link](http://x/y?a=b#c).", "<https://example.com/a?b=c>", "a < b and c > d, x <- y, <3", "",
    "```python\nprint('<!-- shown -->')  # <a href=x>\n```", "~~~\n<img alt='shown'>\n~~~", "see [docs][1]\n\n[1]: http://x",
    "- [ ] a task\n- [x] done\n\n1. one", "# Title\n\n> quote\n\n| a | b |\n|---|---|\n| 1 | 2 |",
    "<details>\n<summary>more</summary>\n\ntext\n\n</details>",
    "Grüße, 日本語, 👍 and ½", "&lt;div&gt; &amp; &#65;", "```\nnever closed",
]  # fmt: skip


@pytest.mark.parametrize("text", SHOWING)
def test_what_is_shown_stays_as_it_is(text: str) -> None:
    assert sanitise(text) == text


_PIECES = st.sampled_from(
    ["<!--", "-->", "<", ">", "<!", "<a ", "<a", "/", '"', "'", "![", "[", "]", "](", ")", "(", "]: ", "```", "~~~", "\n", "\n\n", " ", "x",
     "&#8203;", "&#", "60", ";", "\u200b", "\x1b", "\x1b[", "data:", "http://x", "-", "!", "?", "\r", "\x9b", "]]>", "<![CDATA["]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=40).map("".join) | st.text(max_size=200))
@example("<!<!-- -->-- x -->")
@example("[a]: b\n[c]: [a]")
def test_made_plain_again_it_stays_what_it_is_and_holds_nothing_that_is_hidden(text: str) -> None:
    """S3: cleaning again changes nothing."""
    plain = sanitise(text)

    assert sanitise(plain) == plain
    assert not any(letter in plain for letter in "\u200b\x1b\x9b\r")


def test_text_made_to_take_long_does_not() -> None:
    for piece in ("<a ", '<a "', "![", "[a]: ", "<!--", "```\n", '](x "', "&#", "<!<!-- -->-- "):
        plain = sanitise(piece * (60_000 // len(piece)))
        assert len(plain) <= 60_000
    for text in (f"[a]({' ' * 60_000}x", "<a\n" + "```\n" * 15_000):
        assert len(sanitise(text)) <= len(text)

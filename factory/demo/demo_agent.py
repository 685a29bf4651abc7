"""The demo agent: a small program in the place of a coding agent. It knows the tasks of the demo's specs and nothing else.

Run once an iteration, as any agent is: it takes the first open box of the spec, changes the code, commits, and ticks the
box. It stands alone, with the standard library only, since it runs in a worker like any program of a user.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

_GIT_SECONDS = 60
_OPEN_TASK = re.compile(r"^(?P<before>\s*[-*+] \[) (?P<after>\] Add `(?P<name>\w+)\(.*?\)` to `(?P<file>[\w/]+\.py)`.*)$")
_REWORK = re.compile(r"^\s*[-*+] \[ \] Rework: (?P<why>.+)$")
_OPEN_BOX = re.compile(r"^\s*[-*+] \[ \] (?P<text>.+)$")

# name: what goes into the module, and the body of its test.
RECIPES = {
    "count_words": (
        '''
def count_words(text):
    """The number of words, which are separated by white space."""
    return len(text.split())
''',
        """
        self.assertEqual(counting.count_words("one two  three"), 3)
        self.assertEqual(counting.count_words(""), 0)
""",
    ),
    "count_lines": (
        '''
def count_lines(text):
    """The number of lines; a last one without its line end counts too."""
    return len(text.splitlines())
''',
        """
        self.assertEqual(counting.count_lines("a\\nb\\nc"), 3)
        self.assertEqual(counting.count_lines(""), 0)
""",
    ),
    "slug": (
        '''
def slug(text):
    """Lower case, with a hyphen in the place of everything that is no letter or digit."""
    words = "".join(each if each.isalnum() else " " for each in text.lower()).split()
    return "-".join(words)
''',
        """
        self.assertEqual(slugs.slug("Hello, World!"), "hello-world")
""",
    ),
    "unique_slug": (
        '''
def unique_slug(text, taken):
    """The slug of the text, with a number behind it where it is taken already."""
    first = candidate = slug(text)
    number = 1
    while candidate in taken:
        number += 1
        candidate = f"{first}-{number}"
    return candidate
''',
        """
        self.assertEqual(slugs.unique_slug("Home", {"home", "home-2"}), "home-3")
""",
    ),
    "longest_word": (
        '''
def longest_word(text):
    """The longest word, the first of several; empty where there is none."""
    return max(text.split(), key=len, default="")
''',
        """
        self.assertEqual(ranking.longest_word("a bbb cc ddd"), "bbb")
        self.assertEqual(ranking.longest_word(""), "")
""",
    ),
    "most_frequent": (
        '''
def most_frequent(text):
    """The word that comes most often, in lower case; the first of several."""
    words = text.lower().split()
    return max(words, key=words.count, default="")
''',
        """
        self.assertEqual(ranking.most_frequent("The cat and the dog"), "the")
""",
    ),
    "shorten": (
        '''
def shorten(text, columns):
    """The text in at most so many columns, with an ellipsis where something is missing."""
    return text if len(text) <= columns else text[: columns - 1] + "\\N{HORIZONTAL ELLIPSIS}"
''',
        """
        self.assertEqual(layout.shorten("abcdef", 4), "abc\\N{HORIZONTAL ELLIPSIS}")
        self.assertEqual(layout.shorten("abc", 4), "abc")
""",
    ),
    "indent": (
        '''
def indent(text, columns):
    """Every line moved to the right; empty lines stay empty."""
    return "\\n".join(" " * columns + line if line else "" for line in text.split("\\n"))
''',
        """
        self.assertEqual(layout.indent("a\\n\\nb", 2), "  a\\n\\n  b")
""",
    ),
    "framed": (
        '''
def framed(text):
    """The lines inside a frame of ASCII characters."""
    lines = text.split("\\n")
    width = max(map(len, lines))
    edge = "+" + "-" * (width + 2) + "+"
    return "\\n".join([edge, *(f"| {line:<{width}} |" for line in lines), edge])
''',
        """
        self.assertEqual(layout.framed("ab\\nc"), "+----+\\n| ab |\\n| c  |\\n+----+")
""",
    ),
    "is_palindrome": (
        '''
def is_palindrome(text):
    """Whether the letters and digits read the same from both ends, whatever their case."""
    kept = [each.lower() for each in text if each.isalnum()]
    return kept == kept[::-1]
''',
        """
        self.assertTrue(puzzles.is_palindrome("Never odd or even"))
        self.assertFalse(puzzles.is_palindrome("wordkit"))
""",
    ),
    "to_roman": (
        '''
def to_roman(number):
    """A number from 1 to 3999 in Roman numerals."""
    if not 0 < number < 4000:
        raise ValueError(f"{number} has no Roman numeral")
    signs = "M CM D CD C XC L XL X IX V IV I".split()
    values = (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1)
    written = ""
    for sign, value in zip(signs, values):
        written += sign * (number // value)
        number %= value
    return written
''',
        """
        self.assertEqual(numerals.to_roman(1994), "MCMXCIV")
        self.assertRaises(ValueError, numerals.to_roman, 0)
""",
    ),
    "from_roman": (
        '''
def from_roman(text):
    """The number that Roman numerals stand for; a sign before a larger one is subtracted."""
    values = [dict(I=1, V=5, X=10, L=50, C=100, D=500, M=1000)[sign] for sign in text.upper()]
    pairs = zip(values, values[1:] + [0])
    return sum(-value if value < following else value for value, following in pairs)
''',
        """
        self.assertEqual(numerals.from_roman("MCMXCIV"), 1994)
""",
    ),
}


def main() -> int:
    """One iteration; the exit code says whether it did something useful."""
    spec = Path(os.environ["FACTORY_SPEC"])
    lines = spec.read_text(encoding="utf-8").split("\n")
    place = next((number for number, line in enumerate(lines) if _OPEN_BOX.match(line)), None)
    if place is None:
        _say("Every box is ticked.")
        return 0
    task = _OPEN_TASK.match(lines[place])
    if rework := _REWORK.match(lines[place]):
        _rework(rework["why"])
        lines[place] = lines[place].replace("[ ]", "[x]", 1)
        spec.write_text("\n".join(lines), encoding="utf-8")
        return 0
    if task is None or task["name"] not in RECIPES:
        return _give_up(lines[place].strip())
    _carry_out(task["name"], Path(task["file"]))
    # Ticked after the commit: an agent that is killed in between finds its work done, and the box still open.
    lines[place] = f"{task['before']}x{task['after']}"
    spec.write_text("\n".join(lines), encoding="utf-8")
    _learn(f"`{task['file']}` has `{task['name']}` now, and its test stands beside the others of that module.")
    return 0


def _carry_out(name: str, module: Path) -> None:
    test = Path("tests") / f"test_{module.stem}.py"
    function, body = RECIPES[name]
    if module.exists() and f"def {name}(" in module.read_text(encoding="utf-8"):
        _say(f"{name} is there already.")
        return
    _append(module, f'"""The {module.stem} of wordkit."""\n', function)
    case = f"class {name.title().replace('_', '')}Test(unittest.TestCase):\n    def test_{name}(self):{body}"
    _append(test, f"import unittest\n\nfrom wordkit import {module.stem}\n", f"\n{case}")
    _git("add", "--", str(module), str(test))
    _git("commit", "--quiet", "-m", f"Add {name} to {module.stem}")
    _say(f"Added {name} to {module}, with a test.")


def _rework(why: str) -> None:
    """What the sample's only check asks for is a word in README.md about what is new."""
    _append(Path("README.md"), "", f"New: see the modules of wordkit. (Asked for: {why})\n")
    _git("add", "--", "README.md")
    _git("commit", "--quiet", "-m", "Say in README.md what is new")
    _say("Mended what the pull request was sent back for.")


def _append(file: Path, head: str, text: str) -> None:
    before = file.read_text(encoding="utf-8") if file.exists() else head
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{before}\n{text}", encoding="utf-8")


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")


def _git(*arguments: str) -> None:
    who = ["-c", "user.name=Demo Agent", "-c", "user.email=demo-agent@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], check=True, timeout=_GIT_SECONDS)


def _learn(sentence: str) -> None:
    with _note("new-learnings.md").open("a", encoding="utf-8") as learnings:
        learnings.write(f"- {sentence}\n")


def _give_up(task: str) -> int:
    reason = f"The demo agent knows the tasks of the demo only, and this is none of them: {task}\n"
    _note("stuck.md").write_text(reason, encoding="utf-8")
    sys.stderr.write(reason)
    return 1


def _note(name: str) -> Path:
    folder = Path(os.environ["FACTORY_NOTES"])
    folder.mkdir(exist_ok=True)
    return folder / name


if __name__ == "__main__":
    sys.exit(main())

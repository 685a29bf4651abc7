"""A model that knows the demo's specs: the real Claude Code runs the demo against it without an account.

    python -m factory.demo.scripted_model        prints its address; Ctrl-C ends it
    FACTORY_DEMO_MODEL_URL=<address> ENGINE=claude make demo

It remembers nothing: what to say next follows from how many answers its conversation has, and from what the agent's tools
brought back.
"""

import re
import shlex
import sys
import threading
from contextlib import suppress

from factory.demo.demo_agent import RECIPES
from factory.demo.model_server import Asked, Say, Use, serving, text_of

_SPEC = re.compile(r"of the spec (\S+), and only")
_TASK = re.compile(r"- \[ \] (Add `(\w+)\(.*?\)` to `([\w/]+)\.py`[^\n]*)")


def answer(asked: Asked) -> Say:
    """Reads the spec, writes function and test, commits, ticks the box; one step each."""
    if asked.is_aside:
        return Say("A task of the demo")
    spec = shlex.quote(_found(_SPEC, asked))
    match asked.turns:
        case 0:
            return Say("I read the spec.", (_bash(f"cat {spec}"),))
        case 1:
            return _write(asked)
        case 2:
            return Say("I commit it.", (_bash(f"git add -A && git commit -qm {shlex.quote(_found(_TASK, asked))}"),))
        case 3:
            # The commit has ended by now; an agent that is killed in between finds its work done, and the box still open.
            return Say("I tick the box.", (_bash(f"sed -i.bak {_ticking(_found(_TASK, asked))} {spec} && rm {spec}.bak"),))
        case _:
            return Say("The task is done.")


def _write(asked: Asked) -> Say:
    task = _TASK.search(_said(asked))
    if task is None or task[2] not in RECIPES:
        return Say("There is nothing that I know how to do.")
    name, module = task[2], task[3]
    function, body = RECIPES[name]
    test = f"tests/test_{module.rpartition('/')[2]}.py"
    stem = module.rpartition("/")[2]
    case = f"\n\nclass {name.title().replace('_', '')}Test(unittest.TestCase):\n    def test_{name}(self):{body}"
    return Say(
        f"I add {name}, with a test.",
        (_append(f"{module}.py", f'"""The {stem} of wordkit."""\n', f"\n{function}"), _append(test, _test_head(stem), case)),
    )


def _test_head(stem: str) -> str:
    return f"import unittest\n\nfrom wordkit import {stem}\n"


def _append(file: str, head: str, text: str) -> Use:
    begin = f"test -e {file} || printf %s {shlex.quote(head)} > {file}"
    return _bash(f"mkdir -p $(dirname {file}); {begin}; printf %s {shlex.quote(text)} >> {file}")


def _bash(command: str) -> Use:
    return Use("Bash", {"command": command, "description": "A step of the demo"})


def _ticking(task: str) -> str:
    pattern = re.sub(r"[][\\.*^$/]", lambda found: "\\" + found[0], task)
    return shlex.quote(rf"s/^\( *\)- \[ \] {pattern}/\1- [x] {pattern}/".replace("&", "\\&"))


def _said(asked: Asked) -> str:
    return "\n".join(text_of(message["content"]) for message in asked.body["messages"])


def _found(pattern: re.Pattern[str], asked: Asked) -> str:
    found = pattern.search(_said(asked))
    return found[1] if found else ""


def main() -> int:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    with serving(answer, port) as server, suppress(KeyboardInterrupt):
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        _for_ever()
    return 0


def _for_ever() -> None:
    forever = threading.Event()
    while not forever.wait(3600.0):
        pass


if __name__ == "__main__":
    sys.exit(main())

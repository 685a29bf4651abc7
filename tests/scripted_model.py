"""A model that says what a test wrote down: the server is the demo's, the scenarios are here.

A script has one list of answers for each run of the agent (a session); past its end the last answer is repeated, and past
the last session the last session. `{repo}` in a tool's input is the folder that the agent works in.
"""

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from factory.demo.model_server import Asked, ModelServer, Refuse, Say, Use, serving, text_of

Step = Say | Refuse
Session = Sequence[Step]

_FOLDER = re.compile(r"(?:Primary working directory|Working directory): *(\S+)")
RESET_SECONDS = 3600

__all__ = ["Refuse", "Say", "Script", "Session", "Step", "Use", "scripted"]


@dataclass
class Script:
    """`asked` holds every request that was no aside. Safe from several threads."""

    sessions: Sequence[Session]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    _known: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def play(self, *sessions: Session) -> None:
        """Another script, for the runs that begin from now on."""
        with self._lock:
            self.sessions = sessions
            self._known.clear()

    def __call__(self, asked: Asked) -> Step:
        if asked.is_aside:
            return Say("A title")
        with self._lock:
            self.asked.append(asked)
            number = self._known.setdefault(asked.session, len(self._known))
        session = self.sessions[min(number, len(self.sessions) - 1)]
        step = session[min(asked.turns, len(session) - 1)]
        return replace(step, uses=tuple(_placed(use, _folder(asked)) for use in step.uses)) if isinstance(step, Say) else step


@contextmanager
def scripted(*sessions: Session) -> Iterator[tuple[ModelServer, Script]]:
    script = Script(sessions)
    with serving(script) as server:
        script.url = server.url
        yield server, script


def _folder(asked: Asked) -> str:
    everything = text_of(asked.body.get("system") or "") + "\n".join(text_of(each["content"]) for each in asked.body["messages"])
    found = _FOLDER.search(everything)
    return found[1].rstrip(".,;") if found else "."


def _placed(use: Use, folder: str) -> Use:
    return Use(use.tool, {name: _filled(value, folder) for name, value in use.input.items()})


def _filled(value: Any, folder: str) -> Any:
    return value.replace("{repo}", folder) if isinstance(value, str) else value


# -- what a model does ------------------------------------------------------------------------------------------------


def bash(command: str) -> Say:
    return Say("I run something.", (Use("Bash", {"command": command, "description": "work"}),))


def write(path: str, content: str) -> Say:
    return Say("I write a file.", (Use("Write", {"file_path": f"{{repo}}/{path}", "content": content}),))


def tick(number: int) -> Say:
    """Ticks the box of the task with this number, as `SPEC` of the tests writes it."""
    spec = {"file_path": "{repo}/SPEC.md", "old_string": f"- [ ] task {number}", "new_string": f"- [x] task {number}"}
    return Say("I tick the box.", (Use("Read", {"file_path": "{repo}/SPEC.md"}), Use("Edit", spec)))


def commit(words: str) -> Say:
    return bash(f"git add -A && git commit -qm '{words}'")


DONE = Say("All done.")


def one_task(number: int) -> Session:
    """Writes, commits and ticks, and ends."""
    return (write(f"task-{number}.txt", f"{number}\n"), commit(f"task {number}"), tick(number), DONE)


SPEC = "# Three files\n\n- [ ] task 1\n- [ ] task 2\n- [ ] task 3\n"


# -- what the provider refuses ----------------------------------------------------------------------------------------


def usage_limit() -> Refuse:
    """As a subscription's five hours are shut; the program tells of it only where it is logged in with a token."""
    reset = str(int(time.time()) + RESET_SECONDS)  # noqa: TID251 - the server's own clock
    headers = {
        "status": "rejected", "reset": reset, "representative-claim": "five_hour", "5h-status": "rejected", "5h-reset": reset,
        "5h-utilization": "1.0", "overage-status": "rejected", "overage-disabled-reason": "org_level_disabled",
    }  # fmt: skip
    named = {f"anthropic-ratelimit-unified-{name}": value for name, value in headers.items()}
    return Refuse(429, "rate_limit_error", "You have hit your usage limit", {**named, "x-should-retry": "false"})


THROTTLE = Refuse(429, "rate_limit_error", "This request would exceed your account's rate limit.", {"retry-after": "0"})
OVERLOADED = Refuse(529, "overloaded_error", "Overloaded")
SERVER_ERROR = Refuse(500, "api_error", "Internal server error")
UNAUTHORIZED = Refuse(401, "authentication_error", "invalid x-api-key")
NO_CREDITS = Refuse(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.")
TOO_LONG = Refuse(400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum")
NO_MODEL = Refuse(404, "not_found_error", "model: claude-nope")

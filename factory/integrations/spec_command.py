"""Specs written by a command of the operator's: the issue as JSON on its stdin, SPEC.md or a plan as JSON on its stdout."""

import json
import os
import shlex
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from factory.domain import credentials
from factory.domain.clean import clean_line
from factory.domain.environment import is_inherited
from factory.domain.spec import MAX_SPEC_BYTES, SpecProblem
from factory.domain.spec_draft import Finished, finished, read_draft, taken_over
from factory.integrations.bounded_command import run
from factory.integrations.bounded_process import CommandTimeout, TooMuchOutput
from factory.spec_ports import BadSpec, SpecOrder, SpecUnavailable, Written

BY = "spec_command"
_MAX_ERRORS = 300
"""Characters of what it said on stderr that are told."""


class CommandSpecs:
    """The adapter of `spec_ports.SpecWriter`.

    Its environment has what every process of the factory has, and no credential. An exit status other than 0 means "not now".

    Args:
        command: words as a shell would split them; no shell runs them.
        folder: where it runs.
        timeout: seconds.
    """

    reads_repository = True

    def __init__(self, command: str, folder: Path, timeout: float) -> None:
        self._words, self._folder, self._timeout = shlex.split(command), folder, timeout

    def write(self, order: SpecOrder) -> Written:
        finished_ = _finished(self._printed(order), order)
        if isinstance(finished_, SpecProblem):
            raise BadSpec(f"What spec_command printed is no spec: {finished_.reason}")
        return Written(finished_, BY)

    def _printed(self, order: SpecOrder) -> str:
        environment = {name: value for name, value in os.environ.items() if is_inherited(name)}
        if shutil.which(self._words[0], path=environment.get("PATH")) is None:
            raise SpecUnavailable(f"spec_command names {self._words[0]!r}, which is no program here: mend the setting.")
        given = json.dumps(told(order)).encode()
        try:
            ended = run(self._words, given, folder=self._folder, environment=environment, timeout=self._timeout, limit=MAX_SPEC_BYTES)
        except CommandTimeout:
            raise SpecUnavailable(f"spec_command took longer than {self._timeout:g} s and was ended.", everyone=False) from None
        except TooMuchOutput:
            raise BadSpec(f"spec_command printed more than {MAX_SPEC_BYTES:,} bytes.") from None
        except OSError as error:
            raise SpecUnavailable(f"spec_command cannot be run: {error}.") from None
        if ended.code != 0:
            said = clean_line(ended.errors, _MAX_ERRORS) or "it said nothing on stderr"
            if any(credentials.kinds(said)):
                said = "what it said looks as if it held a credential"
            raise SpecUnavailable(f"spec_command ended with status {ended.code}: {said}", everyone=False)
        return ended.output.decode("utf-8", "replace")


def told(order: SpecOrder) -> dict[str, Any]:
    """What the command reads. Names are kept; new ones may be added."""
    return {
        "item": order.item,
        "repo": order.repo,
        "base_branch": order.base_branch,
        "issue": asdict(order.issue),
        "repository": {**asdict(order.around), "documents": dict(order.around.documents)},
        "learnings": list(order.learnings),
        "must_decide": order.must_decide,
        "complaint": order.complaint,
    }


def _finished(printed: str, order: SpecOrder) -> Finished | SpecProblem:
    if not printed.lstrip().startswith("{"):
        return taken_over(printed, order.issue)
    try:
        answer = json.loads(printed)
    except (ValueError, RecursionError):
        return SpecProblem("it begins like JSON, and is none.")
    draft = read_draft(answer, may_ask=not order.must_decide)
    return draft if isinstance(draft, SpecProblem) else finished(draft, order.issue, BY)

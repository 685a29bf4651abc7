"""A worker's actor whose attempt reworks a pull request: where it begins, what it has to do, and what others said."""

from pathlib import Path

import msgspec
import pytest

from factory.protocol.delivery_mail import Prepared
from factory.protocol.worker import Assign, Hello
from tests.actors.worker_site import PREPARED, WORK, Site

REWORK = msgspec.structs.replace(PREPARED, base_commit="d" * 40, task="Rework: the check failed.", evidence="> 2 failed", merge="e" * 40)


def _assigned(tmp_path: Path, prepared: Prepared, previous: str) -> Assign:
    site = Site(tmp_path, msgspec.structs.replace(WORK, previous=previous))
    site.actor.on_start()
    site.actor.on_mail(prepared)
    site.hears(Hello("1.0", "boot", "idle"))
    (assign,) = site.said(Assign)
    return assign


def test_an_attempt_to_rework_begins_where_the_branch_ended_with_one_open_task_and_what_was_said(tmp_path: Path) -> None:
    assign = _assigned(tmp_path, REWORK, "> 2 failed")

    assert (assign.base_commit, assign.merge_commit, assign.previous) == ("d" * 40, "e" * 40, "> 2 failed")
    assert assign.spec == "# Greet\n\n- [x] hello\n\n## Rework\n\n- [ ] Rework: the check failed.\n"


@pytest.mark.parametrize(("left", "given"), [("the gate was red", "> 2 failed\n\nthe gate was red"), ("", "> 2 failed")])
def test_what_an_attempt_to_rework_left_stands_behind_what_was_said(tmp_path: Path, left: str, given: str) -> None:
    assert _assigned(tmp_path, REWORK, left).previous == given


def test_every_other_attempt_has_the_spec_as_it_is_and_nothing_to_merge(tmp_path: Path) -> None:
    assign = _assigned(tmp_path, PREPARED, "the gate was red")

    assert (assign.spec, assign.merge_commit, assign.previous) == (WORK.spec, "", "the gate was red")

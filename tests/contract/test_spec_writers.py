"""What holds for everybody who writes specs."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from factory.domain.spec import Spec, read_spec
from factory.spec_ports import BadSpec
from tests.contract.spec_writers import ANSWER, ORDER, QUESTIONS, TIMEOUT_SECONDS, Site, site_of


@pytest.fixture(params=["plain", "command", "anthropic"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with site_of(request.param, tmp_path) as site:
        yield site


@pytest.fixture(params=["command", "anthropic"])
def asked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """One that asks somebody."""
    with site_of(request.param, tmp_path) as site:
        yield site


def test_a_spec_can_be_worked_on_names_its_issue_and_who_wrote_it(site: Site) -> None:
    site.says(ANSWER)

    written = site.writer.write(ORDER)

    spec = read_spec(written.finished.spec)
    assert isinstance(spec, Spec)
    assert (spec.title, spec.open_tasks, spec.files) == ("Greet people", 2, written.finished.files)
    assert "owner/repo#12" in written.finished.spec
    assert written.by
    assert "> - say hello" in written.finished.spec


def test_writing_again_is_harmless_also_at_the_same_time(site: Site) -> None:
    site.says(ANSWER)
    site.says(ANSWER)

    with ThreadPoolExecutor(2) as pool:
        first, second = [job.result(TIMEOUT_SECONDS) for job in [pool.submit(site.writer.write, ORDER) for _ in range(2)]]

    assert first == second


def test_questions_are_handed_on_without_a_spec(asked: Site) -> None:
    asked.says(QUESTIONS)

    finished = asked.writer.write(ORDER).finished

    assert (finished.questions, finished.spec) == (("Which language?",), "")


def test_who_must_decide_may_not_ask(asked: Site) -> None:
    asked.says(QUESTIONS)

    with pytest.raises(BadSpec, match="asks again"):
        asked.writer.write(replace(ORDER, must_decide=True))


@pytest.mark.parametrize("answer", ["{not json", {"tasks": []}, {"tasks": [f"t{number}" for number in range(99)]}])
def test_an_answer_that_is_no_spec_says_why(asked: Site, answer: object) -> None:
    asked.says(answer)

    with pytest.raises(BadSpec) as raised:
        asked.writer.write(ORDER)

    assert str(raised.value).endswith(".")

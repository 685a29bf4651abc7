"""Pages of GitHub: remembered by their ETag, followed to the end, and never taken for whole where they are not."""

import json
from types import SimpleNamespace
from typing import Any, cast

import github
import pytest

from factory.integrations.github_follow import MAX_KEPT, MAX_PAGES, Pages

_ERROR = github.GithubException(500)


class Answers:
    """A client to which these pages are answered, by path; `asked` is what it was asked with."""

    def __init__(self, **pages: tuple[dict[str, str], Any]) -> None:
        self.pages, self.asked = pages, list[tuple[str, str]]()
        self.requester = SimpleNamespace(requestJson=self._answer, createException=lambda *_: _ERROR)

    def _answer(self, verb: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
        assert verb == "GET"
        known = headers.get("If-None-Match", "")
        self.asked.append((path, known))
        told, data = self.pages[path]
        if known and known == told.get("etag"):
            return 304, {}, ""
        return (500, {}, "{}") if data is None else (200, told, json.dumps(data))


def listed(client: Answers, path: str, key: str = "runs") -> list[Any]:
    return list(Pages().all(cast("github.Github", client), path, key))


def to(path: str) -> dict[str, str]:
    return {"link": f'<first>; rel="first", <{path}>; rel="next", <last>; rel="last"'}


def test_pages_are_followed_to_the_end() -> None:
    client = Answers(a=(to("b"), {"total_count": 3, "runs": [1, 2]}), b=({}, {"total_count": 3, "runs": [3]}))

    assert listed(client, "a") == [1, 2, 3]


def test_pages_that_hold_less_than_there_is_are_no_answer() -> None:
    with pytest.raises(ValueError, match="runs"):
        listed(Answers(a=({}, {"total_count": 3, "runs": [1, 2]})), "a")


def test_pages_without_an_end_are_no_answer() -> None:
    client = Answers(a=(to("a"), [1]))

    with pytest.raises(ValueError, match="a"):
        listed(client, "a", "")
    assert len(client.asked) == MAX_PAGES


def test_a_second_page_that_fails_is_no_answer() -> None:
    with pytest.raises(github.GithubException):
        listed(Answers(a=(to("b"), {"total_count": 3, "runs": [1, 2]}), b=({}, None)), "a")


def test_a_page_is_asked_for_with_what_is_known_of_it_and_remembered_until_it_changes() -> None:
    pages, client = Pages(), Answers(a=({"etag": "one"}, [1]))
    found = [pages.get(cast("github.Github", client), "a") for _ in range(2)]
    client.pages["a"] = ({"etag": "two"}, [2])
    found.append(pages.get(cast("github.Github", client), "a"))

    assert found == [[1], [1], [2]]
    assert client.asked == [("a", ""), ("a", "one"), ("a", "one")]


def test_the_oldest_pages_are_forgotten() -> None:
    pages = Pages()
    large = "x" * (MAX_KEPT // 3)
    client = Answers(**{name: ({"etag": name}, large) for name in "abcd"})
    for name in "abcad":
        pages.get(cast("github.Github", client), name)

    client.asked.clear()
    for name in "dab":
        pages.get(cast("github.Github", client), name)

    assert client.asked == [("d", "d"), ("a", "a"), ("b", "")]

"""One call of the API as its handlers see it, and what they answer."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlencode

from factory.standin.callers import Caller
from factory.standin.hub import Hub
from factory.standin.message import Asked
from factory.standin.model import Issue, Repository
from factory.standin.refusals import Missing, Refusal, Unprocessable

T = TypeVar("T")
_PAGE, _MAX_PAGE = 30, 100


@dataclass(slots=True)
class Answer:
    """`data`: what becomes JSON, or None for no body."""

    status: int = HTTPStatus.OK
    data: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """Attributes: place: what the path names, such as `repo` and `number`."""

    hub: Hub
    by: Caller
    place: Mapping[str, str]
    asked: Asked

    @property
    def query(self) -> dict[str, str]:
        return self.asked.query

    @property
    def repo(self) -> str:
        return self.place["repo"]

    @property
    def number(self) -> int:
        return int(self.place["number"])

    @property
    def repository(self) -> Repository:
        return self.hub.repository(self.repo)

    @property
    def issue(self) -> Issue:
        return self.hub.issue(self.repo, self.number)

    @property
    def given(self) -> dict[str, Any]:
        value = self.json
        if not isinstance(value, dict):
            raise Refusal(HTTPStatus.BAD_REQUEST, "Body should be a JSON object")
        return value

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.asked.body or b"{}")
        except ValueError:
            raise Refusal(HTTPStatus.BAD_REQUEST, "Problems parsing JSON") from None

    def text(self, name: str, resource: str) -> str:
        """A text that has to be given, and not empty."""
        value = self.given.get(name)
        if not isinstance(value, str) or not value.strip():
            raise Unprocessable({"resource": resource, "field": name, "code": "missing_field"})
        return value

    def page(self, things: Iterable[T], shape: Callable[[T], Any], around: Callable[[int, list[Any]], Any] | None = None) -> Answer:
        """The part of a list that was asked for, with links to the others. `around`: what the part is wrapped in, by the total."""
        every = list(things)
        size = min(max(_whole(self.query.get("per_page"), _PAGE), 1), _MAX_PAGE)
        number, last = max(_whole(self.query.get("page"), 1), 1), max(-(-len(every) // size), 1)
        shaped = [shape(one) for one in every[(number - 1) * size : number * size]]
        data = around(len(every), shaped) if around else shaped
        return Answer(data=data, headers=self._links(number, last))

    def _links(self, number: int, last: int) -> dict[str, str]:
        pages: dict[str, int] = {}
        if number > 1:
            pages |= {"prev": min(number - 1, last), "first": 1}
        if number < last:
            pages |= {"next": number + 1, "last": last}
        links = [
            f'<{self.hub.base}{self.asked.path}?{urlencode({**self.query, "page": page})}>; rel="{name}"' for name, page in pages.items()
        ]
        return {"Link": ", ".join(links)} if links else {}


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdigit() else otherwise


def found(things: Sequence[T], key: Callable[[T], object], value: object) -> T:
    for one in things:
        if key(one) == value:
            return one
    raise Missing

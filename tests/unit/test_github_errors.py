"""What GitHub's answers mean."""

import pytest

from factory.errors import FactoryError, ForgeRefused, ForgeUnavailable, Unauthorized
from factory.integrations.github_errors import meaning, told, wait_of

_DATE = "Sat, 21 Nov 2026 12:00:00 GMT"
_NOON = 1_795_262_400


@pytest.mark.parametrize(
    ("status", "headers", "message", "kind"),
    [
        (200, {}, "", ForgeUnavailable),
        (401, {}, "Bad credentials", Unauthorized),
        (403, {}, "Resource not accessible by personal access token", Unauthorized),
        (403, {"x-ratelimit-remaining": "4999"}, "Must have push access", Unauthorized),
        (403, {"retry-after": "30"}, "", ForgeUnavailable),
        (403, {"x-ratelimit-remaining": "0"}, "", ForgeUnavailable),
        (403, {}, "You have exceeded a secondary rate limit", ForgeUnavailable),
        (403, {}, "You have triggered an abuse detection mechanism", ForgeUnavailable),
        (404, {}, "Not Found", ForgeRefused),
        (408, {}, "", ForgeUnavailable),
        (409, {}, "", ForgeUnavailable),
        (410, {}, "Gone", ForgeRefused),
        (422, {}, "Validation Failed", ForgeRefused),
        (429, {}, "", ForgeUnavailable),
        (451, {}, "Blocked", ForgeRefused),
        (500, {}, "", ForgeUnavailable),
        (503, {}, "", ForgeUnavailable),
    ],
)
def test_each_answer_says_whether_trying_again_helps(status: int, headers: dict[str, str], message: str, kind: type[FactoryError]) -> None:
    error = meaning("acme/widgets", status, headers, {"message": message})

    assert type(error) is kind
    assert str(error).endswith(".")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 60.0),
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": "soon"}, 60.0),
        ({"retry-after": "-5"}, 1.0),
        ({"retry-after": "1e9"}, 3_600.0),
        ({"retry-after": "nan"}, 60.0),
        ({"retry-after": "inf"}, 60.0),
        ({"retry-after": "-inf"}, 60.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "nan", "date": _DATE}, 60.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "-inf", "date": _DATE}, 60.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(_NOON + 900), "date": "Sat, 21 Nov 99999 12:00:00 GMT"}, 60.0),
        ({"retry-after": "7", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(_NOON + 900), "date": _DATE}, 7.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(_NOON + 900), "date": _DATE}, 901.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(_NOON - 900), "date": _DATE}, 1.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(_NOON + 900)}, 60.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "later", "date": "some day"}, 60.0),
        ({"x-ratelimit-remaining": "12", "x-ratelimit-reset": str(_NOON + 900), "date": _DATE}, 60.0),
    ],
)
def test_the_wait_is_by_githubs_own_clock_and_bounded(headers: dict[str, str], seconds: float) -> None:
    assert wait_of(headers) == seconds


def test_a_server_that_says_when_it_is_back_is_believed() -> None:
    assert getattr(meaning("a/b", 503, {"retry-after": "20"}, None), "retry_after", None) == 20.0


@pytest.mark.parametrize("word", ["nan", "inf", "-inf", "soon"])
def test_a_wait_that_is_no_number_is_as_if_it_were_unsaid(word: str) -> None:
    assert getattr(meaning("a/b", 503, {"retry-after": word}, None), "retry_after", None) == 0.0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "no message"),
        ({"data": "<html>"}, "no message"),
        ({"message": "Validation Failed", "errors": [{"field": "head", "code": "invalid"}, {"message": "Too\nlong"}, "plain"]},
         "Validation Failed; head invalid; Too long; plain"),
        ({"message": "\x1b[31mred"}, r"'\x1b[31mred'"),
        ({"message": "x" * 1_000}, "x" * 300),
    ],
)  # fmt: skip
def test_githubs_own_words_are_told_in_one_bounded_line(data: object, words: str) -> None:
    assert told(data) == words

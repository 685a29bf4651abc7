"""Webhooks are believed if they are signed, and kept as four values whatever is in them."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.domain.webhook import Hint, hint_of, is_delivery_id, is_signed

OLD, NEW = "the-old-secret-of-a-test", "the-new-secret-of-a-test"
BODY = b'{"action": "labeled"}'


def signature(secret: str, body: bytes = BODY) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_during_a_rotation_both_secrets_are_good(secret: str) -> None:
    """S16: two secrets in a rotation."""
    assert is_signed((NEW, OLD), BODY, signature(secret))


@pytest.mark.parametrize(
    "given",
    [
        "",
        "sha256=",
        signature("another"),
        signature(NEW).upper(),
        signature(NEW)[:-1],
        signature(NEW)[7:],
        "sha1=" + signature(NEW)[7:],
        "sha256=é" * 9,
    ],
)
def test_no_other_signature_is(given: str) -> None:
    """S16: wrong, missing or old secret; sha1; unicode; truncated."""
    assert not is_signed((NEW, OLD), BODY, given)


def test_an_empty_secret_signs_nothing() -> None:
    assert not is_signed(("",), BODY, signature(""))
    assert not is_signed((), BODY, signature(""))


def test_one_byte_more_is_another_body() -> None:
    assert not is_signed((NEW,), BODY + b" ", signature(NEW))


@pytest.mark.parametrize(
    ("event", "payload", "number"),
    [
        ("issues", {"action": "labeled", "issue": {"number": 7}}, 7),
        ("pull_request_review", {"action": "submitted", "pull_request": {"number": 8}}, 8),
        ("check_run", {"action": "completed", "check_run": {"pull_requests": [{"number": 9}]}}, 9),
        ("status", {"state": "failure"}, None),
        ("issues", {"action": "labeled", "issue": {"number": True}}, None),
        ("issues", {"action": ["labeled"], "issue": [7]}, None),
    ],
)
def test_a_hint_says_where_to_look(event: str, payload: dict[str, object], number: int | None) -> None:
    hint = hint_of(event, {**payload, "repository": {"full_name": "acme/widgets"}})

    action = payload.get("action")
    assert hint == Hint(event, action if isinstance(action, str) else "", "acme/widgets", number)


def test_what_nobody_asked_for_says_nothing() -> None:
    assert hint_of("fork", {"repository": {"full_name": "acme/widgets"}}) is None
    assert hint_of("issues", {"issue": {"number": 7}}) is None


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["action", "issue", "number", "repository", "check_run"]), inner)
    ),
    max_leaves=20,
)


@given(
    st.sampled_from(["issues", "check_run", "fork"]),
    st.dictionaries(st.sampled_from(["action", "issue", "repository", "check_run"]), _json),
)
def test_any_payload_is_a_hint_or_none(event: str, payload: dict[str, object]) -> None:
    hint = hint_of(event, payload)

    assert hint is None or hint.number is None or hint.number > 0


def test_ids_of_deliveries_are_what_github_makes() -> None:
    assert is_delivery_id("72d3162e-cc78-11e3-81ab-4c9367dc0958")
    assert not any(map(is_delivery_id, ["", "short", "a" * 65, "72d3162e cc78", "id'; DROP TABLE"]))

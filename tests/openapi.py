"""Checks answers of the stand-in against GitHub's own description of them, as `scripts/cut-openapi` cut it out.

Of OpenAPI 3.0 as much as that description uses for answers; a package for all of it would be one more to lock.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parent / "data" / "github_openapi.json"
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,),
}  # fmt: skip
_REF = "#/components/schemas/"
_ERRORS = range(400, 500)
"""Of these it names a few with each route; all routes have them, in one shape."""
_MENDED: dict[str, Any] = {
    # There it asks of an account to be a person and an enterprise at once; of one installation alone it does not.
    "GET /app/installations": {"200": {"type": "array", "items": {"$ref": f"{_REF}installation"}}},
}


@cache
def description() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(_FILE.read_text())
    return read


def complaints(route: str, status: int, value: object) -> list[str]:
    """What is wrong with an answer. route: method and path as the stand-in writes it. value: None for no body."""
    if status == HTTPStatus.NOT_MODIFIED:
        return [] if value is None else ["it sends a body with 304"]
    answers = description()["answers"][route] | _MENDED.get(route, {})
    schema = answers.get(str(status))
    if schema is None and status in _ERRORS:
        schema = {"allOf": [{"$ref": f"{_REF}basic-error"}, {"required": ["message", "documentation_url"]}]}
    elif str(status) not in answers:
        return [f"GitHub knows no {status} of it, only {sorted(answers)}"]
    if schema is None:
        return [] if value is None else [f"GitHub sends no body with {status}"]
    return list(_wrong(schema, value, ""))


def _wrong(schema: dict[str, Any], value: object, at: str) -> Iterator[str]:
    if reference := schema.get("$ref"):
        yield from _wrong(description()["schemas"][reference.removeprefix(_REF)], value, at)
        return
    if value is None and schema.get("nullable"):
        return
    kind = schema.get("type")
    if kind and (not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        yield f"{at or '.'} is {value!r}, and no {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at} is {value!r}, and none of {schema['enum']}"
    if schema.get("format") == "date-time" and isinstance(value, str):
        yield from _no_time(value, at)
    yield from _of_several(schema, value, at)
    if isinstance(value, dict):
        yield from _in_object(schema, value, at)
    if isinstance(value, list) and "items" in schema:
        for place, one in enumerate(value):
            yield from _wrong(schema["items"], one, f"{at}[{place}]")


def _in_object(schema: dict[str, Any], value: dict[str, Any], at: str) -> Iterator[str]:
    properties = schema.get("properties", {})
    yield from (f"{at}.{name} is missing" for name in schema.get("required", []) if name not in value)
    for name, one in value.items():
        if name in properties:
            yield from _wrong(properties[name], one, f"{at}.{name}")
        elif isinstance(rest := schema.get("additionalProperties"), dict):
            yield from _wrong(rest, one, f"{at}.{name}")
        elif rest is False:
            yield f"{at}.{name} is nothing that GitHub sends"


def _of_several(schema: dict[str, Any], value: object, at: str) -> Iterator[str]:
    for one in schema.get("allOf", []):
        yield from _wrong(one, value, at)
    # Its `oneOf` are not exclusive: some of them fit a value twice.
    choices = schema.get("anyOf", []) + schema.get("oneOf", [])
    tried = [list(_wrong(one, value, at)) for one in choices]
    if tried and all(tried):
        yield f"{at} fits none of {len(tried)}; the nearest: {min(tried, key=len)[:3]}"


def _no_time(value: str, at: str) -> Iterator[str]:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        yield f"{at} is {value!r}, and no time"

"""Named queries: what a file may hold, and what ships."""

import re
from pathlib import Path

import pytest

from factory.errors import Broken
from factory.storage.queries import all_queries, load_queries, query

_POSITIONAL = re.compile(r"%s|%\(\w+\)(?!s)|\$\d")


def _write(folder: Path, text: str, name: str = "some.sql") -> Path:
    (folder / name).write_text(text)
    return folder


def test_a_query_is_found_by_name_without_its_description(tmp_path: Path) -> None:
    folder = _write(
        tmp_path,
        "-- Items.\n\n-- name: claim_one\n-- Takes the next one.\n-- More on it.\nSELECT 1\n  -- a reason\n  + 1\n\n"
        "-- name: finish\n-- Ends it.\nSELECT 2;\n",
    )

    queries = load_queries(folder)

    assert dict(queries) == {"claim_one": "SELECT 1\n  -- a reason\n  + 1", "finish": "SELECT 2;"}


def test_queries_of_all_files_are_one_mapping(tmp_path: Path) -> None:
    _write(tmp_path, "-- name: one\n-- One.\nSELECT 1", "a.sql")
    _write(tmp_path, "-- name: two\n-- Two.\nSELECT 2", "b.sql")
    _write(tmp_path, "not sql at all", "notes.txt")

    assert sorted(load_queries(tmp_path)) == ["one", "two"]


def test_a_name_may_not_be_used_twice_even_in_two_files(tmp_path: Path) -> None:
    _write(tmp_path, "-- name: one\nSELECT 1", "a.sql")
    _write(tmp_path, "-- name: one\nSELECT 2", "b.sql")

    with pytest.raises(Broken, match=r"'one' in b\.sql has a name that is taken"):
        load_queries(tmp_path)


@pytest.mark.parametrize("body", ["", "\n", "-- Only words.\n", "-- Only words."])
def test_a_query_may_not_be_empty(tmp_path: Path, body: str) -> None:
    folder = _write(tmp_path, f"-- name: nothing\n{body}")

    with pytest.raises(Broken, match=r"'nothing' in some\.sql is empty"):
        load_queries(folder)


def test_a_statement_may_not_stand_before_the_first_name(tmp_path: Path) -> None:
    folder = _write(tmp_path, "-- About.\nSELECT 1\n-- name: one\nSELECT 1")

    with pytest.raises(Broken, match="before its first name"):
        load_queries(folder)


@pytest.mark.parametrize("name", ["", "Claim", "claim-one", "claim one"])
def test_a_name_is_a_lower_case_identifier(tmp_path: Path, name: str) -> None:
    folder = _write(tmp_path, f"-- name: {name}\nSELECT 1")

    with pytest.raises(Broken, match="which is not a name"):
        load_queries(folder)


def test_line_ends_of_another_system_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "some.sql").write_bytes(b"-- name: one\r\n-- One.\r\nSELECT\r\n1\r\n")

    assert load_queries(tmp_path)["one"] == "SELECT\n1"


def test_an_unknown_name_is_an_error_of_ours() -> None:
    with pytest.raises(Broken, match="no query named 'nonesuch'"):
        query("nonesuch")


def test_every_shipped_query_names_its_parameters() -> None:
    assert [name for name, text in all_queries().items() if _POSITIONAL.search(text)] == []

"""Events as rows: when, what about, what happened, who. Pure."""

from collections.abc import Mapping

from factory.domain.clean import clean_line
from factory.domain.timeline import in_words, kind_of
from tui.columns import Cell, Column, said
from tui.pages import time_of
from tui.states import Tone
from tui.world import Row

_TONES: Mapping[str, Tone] = {
    "FAILED": "bad", "EXPIRED": "bad", "REFUSED": "bad", "REJECTED": "warn", "STALLED": "warn", "PASSED": "good", "OPENED": "good",
}  # fmt: skip


def item_of(row: Row) -> str:
    """The id of the item that an event is about, empty where it is about none."""
    kind, _, name = str(row.get("stream") or "").partition(":")
    if kind == "item":
        return name
    if kind == "worker":
        return name.rpartition("-")[0]
    return str(_data(row).get("item") or "")


def actor_of(row: Row) -> str:
    """Who did it: an operator, a worker, else the factory itself."""
    kind, _, name = str(row.get("stream") or "").partition(":")
    if kind in {"operator", "worker"}:
        return name
    return str(_data(row).get("by") or _data(row).get("holder") or "")


def words_of(row: Row) -> str:
    return clean_line(in_words(str(row.get("type") or ""), _data(row)))


def fields_of(row: Row) -> Mapping[str, str]:
    """What a query looks at."""
    type_ = str(row.get("type") or "")
    told = {"item": item_of(row), "type": f"{type_} {kind_of(type_, _data(row))}", "actor": actor_of(row), "title": words_of(row)}
    return {**told, "id": told["item"], "state": str(_data(row).get("status") or "")}


def tone_of(row: Row) -> Tone:
    type_ = str(row.get("type") or "")
    return _TONES.get(type_.rpartition(".")[2], "warn" if kind_of(type_, _data(row)) in {"operator", "note"} else "")


COLUMNS: tuple[Column[Row], ...] = (
    Column("TIME", 14, lambda row, _: Cell(time_of(row.get("at")), "dim"), order=lambda row, _: row.get("at")),
    Column("ITEM", 10, lambda row, _: said(item_of(row)), least=40),
    Column("WHO", 13, lambda row, _: said(actor_of(row)), least=100),
    Column("TYPE", 30, lambda row, _: said(row.get("type"), "dim"), least=130),
    Column("WHAT", 0, lambda row, _: said(words_of(row), tone_of(row))),
)


def _data(row: Row) -> Row:
    data = row.get("data")
    return data if isinstance(data, dict) else {}

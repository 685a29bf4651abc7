"""F40 of every message at once: what version 1.0 said is understood, and it understands what is said now."""

import inspect
import typing
from types import ModuleType
from typing import Any

import msgspec
import pytest
from msgspec import inspect as kinds

from factory.protocol import host, worker
from factory.protocol.version import VERSION, compatible
from tests.data.wire_1_0 import host as host_1_0
from tests.data.wire_1_0 import worker as worker_1_0

PAIRS: tuple[tuple[ModuleType, ModuleType], ...] = ((host_1_0, host), (worker_1_0, worker))
STRUCTS = [
    pytest.param(struct, now, id=f"{now.__name__.rpartition('.')[2]}.{name}")
    for then, now in PAIRS
    for name, struct in inspect.getmembers(then, inspect.isclass)
    if issubclass(struct, msgspec.Struct)
]


def sample(kind: kinds.Type) -> Any:
    """A value of a type, in which nothing is left at its default."""
    match kind:
        case kinds.StructType():
            return kind.cls(**{field.name: sample(field.type) for field in kind.fields})
        case kinds.UnionType():
            return sample(next(each for each in kind.types if not isinstance(each, kinds.NoneType)))
        case kinds.VarTupleType():
            return (sample(kind.item_type),)
        case kinds.TupleType():
            return tuple(map(sample, kind.item_types))
        case kinds.DictType():
            return {sample(kind.key_type): sample(kind.value_type)}
        case kinds.LiteralType():
            return kind.values[-1]
        case _:
            plain = {
                kinds.IntType: 7,
                kinds.FloatType: 1.5,
                kinds.StrType: "x",
                kinds.BytesType: b"x",
                kinds.BoolType: True,
                kinds.AnyType: 1,
            }
            return plain[type(kind)]


def of(struct: type) -> Any:
    return sample(kinds.type_info(struct))


@pytest.mark.parametrize(("then", "module"), STRUCTS)
def test_no_field_has_gone_or_become_another_and_none_has_to_be_there_that_was_not(then: type[msgspec.Struct], module: ModuleType) -> None:
    """F40: a version before this one is served. None of its values is misread either."""
    now = getattr(module, then.__name__)
    before, today = ({field.name: field for field in msgspec.structs.fields(each)} for each in (then, now))

    assert before.keys() <= today.keys()
    assert now.__struct_config__.tag == then.__struct_config__.tag
    assert {name: shape(then)[name] for name in before} == {name: shape(now)[name] for name in before}
    assert [name for name in today.keys() - before.keys() if today[name].required] == []


def shape(struct: type) -> dict[str, str]:
    """Field → its type, as it reads without the module that it is of."""
    hints = typing.get_type_hints(struct, include_extras=True)
    return {name: repr(hint).replace("tests.data.wire_1_0.", "").replace("factory.protocol.", "") for name, hint in hints.items()}


@pytest.mark.parametrize(("then", "module"), STRUCTS)
def test_what_one_says_the_other_reads(then: type[msgspec.Struct], module: ModuleType) -> None:
    """F40: a version before this one is served; a newer minor version is served. Each message, with a value in each of its fields."""
    now = getattr(module, then.__name__)
    old, new = of(then), of(now)

    read = msgspec.msgpack.decode(msgspec.msgpack.encode(old), type=now)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(read), type=then) == old
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(new), type=then) == old


# Said only to a peer that has said that it knows ways out: a host by `alone` in its facts, a factory by its version.
_ASKED_FOR = {"let_out", "terms", "outlay_kept", "want_terms", "outlay"}


@pytest.mark.parametrize(("then", "now"), [(host_1_0.FromHost, host.FromHost), (host_1_0.ToHost, host.ToHost)])
def test_there_are_no_words_in_a_session_that_an_older_peer_does_not_know(then: Any, now: Any) -> None:
    """What is added has to be something that it can do without: this list is where that is thought about."""
    tags = [{struct.__struct_config__.tag for struct in typing.get_args(union)} for union in (then, now)]

    assert tags[1] - tags[0] - _ASKED_FOR == set()


def test_a_minor_version_is_no_other_one() -> None:
    assert compatible(host_1_0.VERSION)
    assert VERSION != host_1_0.VERSION
    assert not compatible("2.0")

"""The settings of remote workers: where their hosts are heard, what join lines call this machine, and what its own workers are good for."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from factory.domain.hosts import label_objection

_LISTEN = re.compile(r"tcp://(\*|\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([1-9][0-9]{0,4})")
_NAME = re.compile(r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253}")
_HIGHEST_PORT = 65_535


def _endpoint(value: str) -> str:
    found = _LISTEN.fullmatch(value)
    # The port above it is that of enrolment.
    if value and (found is None or int(found[2]) >= _HIGHEST_PORT):
        raise ValueError("should be tcp://ADDRESS:PORT, as in tcp://0.0.0.0:7711 for all addresses of this machine")
    return value


def _address(value: str) -> str:
    if value and not _NAME.fullmatch(value):
        raise ValueError("should be a name or an address of this machine, as in factory.example.org")
    return value


def _labels(value: tuple[str, ...]) -> tuple[str, ...]:
    if objection := label_objection(value):
        raise ValueError(f"cannot be used: {objection}")
    return value


def _needed(value: dict[str, str]) -> dict[str, str]:
    _labels(tuple(dict.fromkeys(value.values())))
    return value


class RemoteSettings(BaseModel):
    """What can be set of remote workers."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)

    worker_listen: Annotated[str, AfterValidator(_endpoint)] = ""
    """Where hosts of remote workers are heard, as in `tcp://0.0.0.0:7711`, each by a key of `factory worker enroll`, which they get on the
    port above it; empty: nowhere, and all workers run on this machine."""
    worker_address: Annotated[str, AfterValidator(_address)] = ""
    """What other machines call this one, for the lines that `factory worker enroll` prints; empty: its host name."""
    worker_labels: Annotated[tuple[str, ...], AfterValidator(_labels)] = ()
    """Labels of this machine, for items that need some of the host they are worked on; other machines get theirs when they enrol."""
    needs_labels: Annotated[dict[Annotated[str, Field(max_length=50)], str], AfterValidator(_needed)] = {}
    """Label of an issue → label that the host must have which it is worked on."""

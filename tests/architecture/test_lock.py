"""The lock files against pyproject.toml, without a network: `make lock` brings them together again."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.sources import ROOT

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)(?P<rest>(?:.*\\\n)*.*)$", re.MULTILINE)
_ASKED_FOR = re.compile(r"#(?: via|  ) software-factory \(pyproject\.toml")


@dataclass(frozen=True, slots=True)
class Pin:
    """One distribution of a lock file; with markers a name may have several."""

    name: str
    version: str
    text: str


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "requirements-minilm.lock"])
def test_every_pin_has_a_hash_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")

    assert [pin.name for pin in _pins(lock) if "--hash=sha256:" not in pin.text] == []
    assert re.findall(r"\w+://\S+|^--.*(?:index|find-links).*", text, re.MULTILINE) == []


@pytest.mark.parametrize(("lock", "groups"), [("requirements.lock", ()), ("requirements-dev.lock", ("test", "lint", "build"))])
def test_the_lock_holds_what_the_project_asks_for(lock: str, groups: tuple[str, ...]) -> None:
    asked = {str(canonicalize_name(wanted.name)): wanted for wanted in _wanted(groups)}
    pins = list(_pins(lock))

    fitting = {pin.name for pin in pins if pin.name in asked and asked[pin.name].specifier.contains(pin.version)}

    assert fitting == asked.keys()
    assert {pin.name for pin in pins if _ASKED_FOR.search(pin.text)} == asked.keys(), "locked, but no longer asked for"


def test_what_is_tested_is_what_is_shipped() -> None:
    shipped = {(pin.name, pin.version) for pin in _pins("requirements.lock")}
    tested = {(pin.name, pin.version) for pin in _pins("requirements-dev.lock")}

    assert shipped - tested == set()


def _pins(lock: str) -> Iterator[Pin]:
    blocks = re.split(r"^(?=[A-Za-z0-9])", (ROOT / lock).read_text("utf-8"), flags=re.MULTILINE)
    for block in blocks:
        if match := _PIN.match(block):
            yield Pin(canonicalize_name(match["name"]), match["version"], block)


def _wanted(groups: tuple[str, ...]) -> Iterator[Requirement]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    texts = list(project["project"]["dependencies"])
    for group in groups:
        texts += [text for text in project["dependency-groups"][group] if isinstance(text, str)]
    return map(Requirement, texts)

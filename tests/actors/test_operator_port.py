"""What operators from elsewhere may say, on the desk's real socket; the desk itself has tests of its own."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from actors.operator_port import OperatorPort
from factory.domain.operators import Operator, Role
from factory.protocol.codec import Decoder, encode
from factory.protocol.commands import AnyRequest, EmergencyStop, Query, ReleaseLock, Reply, Request, Steer, SteerActor, Submit, Switch
from factory.transport.curve import KeyPair
from factory.transport.operator_book import OperatorBook
from factory.transport.operator_desk import OperatorDesk
from factory.transport.operator_key import Remote
from factory.transport.operator_line import OperatorLine
from tests.waiting import eventually

T = TypeVar("T")

COMMANDS: tuple[Request, ...] = (
    Steer("c", "kill", "i", "root"), Steer("c", "note", "i", "root", None, "x"), Switch("c", "pause", ("dispatch",), "root"),
    SteerActor("c", "stop", "queue", "root"), EmergencyStop("c", "root"), ReleaseLock("c", "/r", "a.py", "i-1", "root"),
    Submit("c", "i", "/r", "main", "t", "s", "command:true"),
)  # fmt: skip


class Site:
    """A port whose answers say nothing, and who came through."""

    def __init__(self, folder: Path) -> None:
        self.book, self.keys = OperatorBook(folder), KeyPair.generate()
        self.desk = OperatorDesk("tcp://127.0.0.1:*", self.keys, self.book, 1.0)
        self.port = OperatorPort(self.desk)
        self.passed: list[AnyRequest] = []
        self._decode = Decoder[Reply](Reply)

    def asked(self, role: Role, request: Request) -> Reply:
        keys = KeyPair.generate()
        self.book.add(Operator(f"{role}-{len(self.book.everyone())}", role, keys.public))
        line = OperatorLine(Remote(self.desk.endpoint, self.keys.public, keys, role))
        try:
            eventually(lambda: self._turned(line.post(encode(request))))
            return self._decode(eventually(lambda: self._turned(line.collect()))[1])
        finally:
            line.close()

    def _turned(self, value: T) -> T:
        self.port.serve(self._answer, lambda: [b"a picture"])
        return value

    def _answer(self, request: AnyRequest) -> Reply:
        self.passed.append(request)
        return Reply("ok")


@pytest.fixture
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="op-") as folder:
        site = Site(Path(folder))
        yield site
        site.port.close()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_a_key_that_may_look_is_refused_each_command_in_a_sentence(site: Site, command: Request) -> None:
    reply = site.asked("view", command)

    assert (reply.code, reply.reason) == ("refused", "The key of view-0 has the role view: it may look, and give no commands.")
    assert site.passed == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_a_command_is_given_in_the_name_of_the_key_whatever_it_says(site: Site, command: Request) -> None:
    assert site.asked("operate", command).code == "ok"

    (passed,) = site.passed
    assert getattr(passed, "operator", "operate-0") == "operate-0"
    assert type(passed) is type(command)


@pytest.mark.parametrize("role", ["view", "operate"])
def test_whoever_has_a_key_may_look(site: Site, role: Role) -> None:
    assert site.asked(role, Query("status")).code == "ok"
    assert site.passed == [Query("status")]

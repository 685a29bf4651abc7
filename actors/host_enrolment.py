"""How machines come to work for a factory and leave it again: join lines, tokens that are good once, and what operators say of hosts."""

import logging
from dataclasses import dataclass

import msgspec

from actors.host_session import plain, plain_facts
from factory.domain.hosts import KEY_SECONDS, TOKEN_SECONDS, label_objection, name_objection
from factory.errors import Refused, Retryable
from factory.host_ports import HostStore
from factory.protocol.codec import BadMessage, Decoder, version_of
from factory.protocol.commands import Reply, SteerHost
from factory.protocol.host import Join, Joined, JoinRefused, ToJoiner
from factory.protocol.host_mail import JoinAsked
from factory.protocol.version import VERSION, compatible
from factory.transport.join_line import join_word, new_token, token_hash

log = logging.getLogger(__name__)

_decode: Decoder[Join] = Decoder(Join)


@dataclass(frozen=True, slots=True)
class Doors:
    """What a join line says: the factory's public key (Z85), where machines enrol, and the port of the link."""

    server_key: str
    enrol_address: str
    port: int


def another_version(said: str) -> str:
    """Why a peer that speaks this one is not served."""
    return f"This factory speaks version {VERSION} and not {plain(said, 20)}: install the same version on both."


@dataclass(frozen=True, slots=True)
class HostEnrolment:
    """Keeps nothing. Who uses it reads the hosts again afterwards."""

    store: HostStore
    doors: Doors
    heartbeat: float

    def joined(self, mail: JoinAsked) -> ToJoiner:
        """What a machine is told that asks to join."""
        try:
            asked = _decode(mail.frame)
            if not compatible(asked.v):
                return JoinRefused(another_version(asked.v))
            name = self.store.join(token_hash(asked.token), mail.key, msgspec.to_builtins(plain_facts(asked.facts)))
        except BadMessage:
            said = version_of(mail.frame)
            return JoinRefused(another_version(said) if said and not compatible(said) else "This is no request to join.")
        except Refused as error:
            return JoinRefused(str(error))
        except Retryable:
            return JoinRefused("The factory's database cannot be reached now.", retry_after=self.heartbeat)
        log.info("host %s joined", name)
        return Joined(name, self.doors.port, KEY_SECONDS)

    def steer(self, order: SteerHost) -> Reply:
        """Carries an operator's word out."""
        try:
            return self._enroll(order) if order.verb == "enroll" else self._change(order)
        except Retryable as error:
            return Reply("unavailable", str(error))
        except Refused as error:
            return Reply("not_found", str(error))

    def _enroll(self, order: SteerHost) -> Reply:
        objection = name_objection(order.host) or label_objection(order.labels)
        if objection:
            return Reply("invalid", f"{objection}.")
        token = new_token()
        self.store.enroll(order.host, order.labels, token_hash(token), order.operator)
        line = f"factory-worker join {self.doors.enrol_address} {join_word(token, self.doors.server_key)}"
        return Reply("ok", data={"line": line, "seconds": TOKEN_SECONDS})

    def _change(self, order: SteerHost) -> Reply:
        if order.verb == "revoke":
            self.store.revoke(order.host, order.operator)
        else:
            self.store.drain(order.host, order.operator, draining=order.verb == "drain")
        return Reply("ok")

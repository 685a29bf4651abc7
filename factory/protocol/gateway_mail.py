"""Which workers are let in, and what they say: to and from the gateway. Parts of the inboxes in `mailbox`."""

from factory.protocol.mail import Lease, Mail


class Enrol(Mail, frozen=True, tag="enrol"):
    """Worker actor → gateway (ask: Ok): let this key in as this worker, and send what it says to me."""

    lease: Lease
    public_key: str


class Revoke(Mail, frozen=True, tag="revoke"):
    """Worker actor → gateway: the key is worth nothing from the next message on."""

    lease: Lease


class Outbound(Mail, frozen=True, tag="outbound"):
    """Worker actor → gateway: hand this encoded Answer to the agent. Lost where there is no route: the agent asks again."""

    lease: Lease
    frame: bytes


class Inbound(Mail, frozen=True, tag="inbound"):
    """Gateway → worker actor: an encoded Envelope whose key, item and epoch were checked."""

    lease: Lease
    frame: bytes


class Distrusted(Mail, frozen=True, tag="distrusted"):
    """Gateway → worker actor: its worker misbehaved, and its key was taken back: no more will be heard of it."""

    lease: Lease
    reason: str


class Enrolled(Mail, frozen=True, tag="enrolled"):
    """Gateway → queue (ask: Enrolment): which keys belong to living leases."""


class Enrolment(Mail, frozen=True, tag="enrolment"):
    """Worker name → public key (Z85)."""

    keys: dict[str, str]

"""What a worker without a network is told of its way out: `in/egress.json`, written by the factory, read by the worker agent."""

import msgspec

FILE = "egress.json"
PLACE = "{way_out}"
"""Stands in values of the environment for the address of the way out, which only the worker itself knows."""


class WayOutFile(msgspec.Struct, frozen=True):
    """Attributes.

    socket: of the factory, seen from inside.
    token: shown on each connection, with the `worker`'s name; good for this worker alone, and while its lease lives.
    environment: for engine and gates, beside the variables of a proxy.
    """

    socket: str
    worker: str
    token: str = ""
    environment: dict[str, str] = {}

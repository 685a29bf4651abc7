"""Messages to and from the limiter. They are part of the inboxes in `mailbox`."""

from factory.domain.limits import Limits
from factory.protocol.mail import Mail


class Capacity(Mail, frozen=True, tag="capacity"):
    """Dispatcher → limiter (ask: Room): how many more workers may start while `active` are there.

    None where the factory `drains`; it is asked all the same, since the limiter tells everyone why nothing starts.
    """

    active: int
    drains: bool = False
    elsewhere: int | None = None
    """Workers that other machines take, beside those of the settings; None where there are no such machines."""
    away: str = ""
    """Why no worker can be made now; empty where one can."""
    labels: tuple[tuple[str, ...], ...] = ()
    """Those of each host, wherever it is, for items that need some; `offered`: of those that have a place free."""
    offered: tuple[tuple[str, ...], ...] = ()
    reconnecting: bool = False
    """Hosts may only be on their way back: what is not offered now may be in a moment."""
    barred: str = ""
    """Why some of the other machines take no worker although they are here; empty where none is so."""


class Room(Mail, frozen=True, tag="room"):
    """`free` may start now. Where it is 0, `reason` says why, and `retry_in` (seconds) when to ask again, if time alone opens it."""

    free: int
    reason: str = ""
    retry_in: float | None = None
    here: int = 0
    """Workers that the settings allow on this machine, where it was asked about others too."""


class NewSettings(Mail, frozen=True, tag="new_settings"):
    """Root → limiter: the settings were read again. Told to whoever asks for the status.

    Attributes:
        limits: those that hold from now on.
        problem: why what was read is not used, one sentence; empty where it is.
        restart: settings that are different there, and need a restart to be used.
    """

    limits: Limits
    problem: str = ""
    restart: tuple[str, ...] = ()


class RoomChanged(Mail, frozen=True, tag="room_changed"):
    """Limiter → dispatcher: what was granted may hold no longer; ask again."""

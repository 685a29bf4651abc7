"""Messages to and from the limiter beside `Capacity` and its answer. They are part of the inboxes in `mailbox`."""

from factory.domain.limits import Limits
from factory.protocol.mail import Mail


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

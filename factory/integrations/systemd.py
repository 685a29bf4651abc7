"""systemd's notifications: datagrams to the socket that it names in the environment (sd_notify(3), without its library)."""

import socket
from collections.abc import Mapping

import structlog

log = structlog.get_logger(__name__)


class Systemd:
    """The adapter of `service_ports.ServiceManager`. Without NOTIFY_SOCKET, where nobody manages this process, it says nothing.

    Args:
        environ: of this process, as systemd has set it.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        place = environ.get("NOTIFY_SOCKET", "")
        # Linux's abstract names begin with a zero byte, which an environment cannot hold; systemd writes an @ for it.
        self._address = f"\0{place[1:]}" if place.startswith("@") else place

    def ready(self) -> None:
        self._tell(b"READY=1")

    def alive(self) -> None:
        self._tell(b"WATCHDOG=1")

    def stopping(self) -> None:
        self._tell(b"STOPPING=1")

    def _tell(self, state: bytes) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.settimeout(0)
                line.sendto(state, self._address)
        except OSError as error:
            log.warning("service.manager_unheard", state=state.decode(), reason=str(error))

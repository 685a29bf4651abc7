"""Settings of a running factory: what it was started with, and what was taken over since. Belongs to the root."""

import os
from collections.abc import Callable

import structlog

from factory.config import Settings
from factory.config_docker import size_in_bytes
from factory.config_reference import differing
from factory.domain.limits import Limits
from factory.errors import InvalidInput
from factory.protocol.limiter_mail import NewSettings

log = structlog.get_logger(__name__)


def news(settings: Settings, problem: str = "", restart: tuple[str, ...] = ()) -> NewSettings:
    """What the limiter has to know."""
    limits = Limits(
        settings.max_workers, settings.daily_iterations, settings.cooldown, settings.daily_micros, size_in_bytes(settings.min_free_disk)
    )
    return NewSettings(limits, problem, restart)


class Reload:
    """Reads the settings again on SIGHUP. What is wrong in them changes nothing, and is told.

    Args:
        again: reads them from where they were read first; None: nobody does.
        tell: hands the news to the limiter.

    Attributes:
        settings: those that hold. Of what is read again only `config_reference.LIVE` is taken over.
        news: what became of the last reading.
    """

    def __init__(self, settings: Settings, again: Callable[[], Settings] | None, tell: Callable[[NewSettings], object]) -> None:
        self.settings, self._again, self._tell = settings, again, tell
        self.news = news(settings)
        self._at_terminal = has_terminal()

    def hung_up(self) -> bool:
        """On SIGHUP. False where it means that the terminal is gone that the factory was started at, which asks it to stop."""
        if self._again is None or (self._at_terminal and not has_terminal()):
            return False
        try:
            self._take(self._again())
        except InvalidInput as error:
            log.error("settings.kept", reason=str(error))  # noqa: TRY400 - the sentence says it all
            self.news = news(self.settings, str(error))
        self._tell(self.news)
        return True

    def _take(self, read: Settings) -> None:
        live, restart = differing(self.settings, read)
        self.settings = self.settings.model_copy(update={name: getattr(read, name) for name in live})
        self.news = news(self.settings, restart=tuple(restart))
        log.info("settings.read", changed=live, need_a_restart=restart)


def has_terminal() -> bool:
    """Whether this process has a controlling terminal that is still there, whatever its streams are."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True

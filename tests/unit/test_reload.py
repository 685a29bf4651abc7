"""What a running factory takes over of settings that were read again."""

import pytest

from factory import reload
from factory.config import Settings
from factory.domain.limits import Limits
from factory.errors import InvalidInput
from factory.protocol.limiter_mail import NewSettings
from factory.reload import Reload


class Root:
    """A root process that reads `found` again, or fails to."""

    def __init__(self, first: Settings) -> None:
        self.found: Settings | InvalidInput = first
        self.told: list[NewSettings] = []
        self.reload = Reload(first, self._read, self.told.append)

    def _read(self) -> Settings:
        if isinstance(self.found, InvalidInput):
            raise self.found
        return self.found


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> Root:
    monkeypatch.setattr(reload, "has_terminal", lambda: False)
    return Root(Settings(max_workers=2))


def test_what_can_change_while_it_runs_is_taken_over_and_told(root: Root) -> None:
    root.found = Settings(max_workers=5, daily_iterations=7, cooldown=3.0)

    assert root.reload.hung_up() is True

    assert root.told == [NewSettings(Limits(5, 7, 3.0, min_free_disk=2**30))]
    assert root.reload.settings == root.found


def test_what_needs_a_restart_is_named_and_not_taken_over(root: Root) -> None:
    root.found = Settings(max_workers=5, heartbeat=1.0)

    root.reload.hung_up()

    assert root.told[-1].restart == ("heartbeat", "start_timeout", "stalled_after")
    assert (root.reload.settings.max_workers, root.reload.settings.heartbeat) == (5, 5.0)


def test_a_mistake_keeps_the_last_good_ones_until_it_is_mended(root: Root) -> None:
    root.found = Settings(max_workers=5)
    root.reload.hung_up()
    root.found = InvalidInput("factory.toml: max_workers is wrong.")
    assert root.reload.hung_up() is True

    assert root.told[-1] == NewSettings(Limits(5, 200, 60.0, min_free_disk=2**30), "factory.toml: max_workers is wrong.")
    assert root.reload.settings.max_workers == 5
    root.found = Settings(max_workers=3)
    root.reload.hung_up()
    assert root.told[-1] == NewSettings(Limits(3, 200, 60.0, min_free_disk=2**30))


@pytest.mark.parametrize(("before", "after", "reads"), [(True, False, False), (True, True, True), (False, False, True)])
def test_a_terminal_that_was_closed_asks_it_to_stop(monkeypatch: pytest.MonkeyPatch, before: bool, after: bool, reads: bool) -> None:
    monkeypatch.setattr(reload, "has_terminal", lambda: before)
    root = Root(Settings())
    monkeypatch.setattr(reload, "has_terminal", lambda: after)

    assert root.reload.hung_up() is reads
    assert bool(root.told) is reads


def test_where_nobody_reads_them_again_a_hangup_asks_it_to_stop() -> None:
    assert Reload(Settings(), None, print).hung_up() is False

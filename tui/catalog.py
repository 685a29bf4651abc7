"""Which screen stands behind which name. The names and keys are those of `words.SCREENS`."""

from collections.abc import Callable, Mapping

from tui.screens.approvals import ApprovalsScreen
from tui.screens.backlog import QueueScreen
from tui.screens.base import FactoryScreen
from tui.screens.events import EventsScreen
from tui.screens.item import ItemScreen
from tui.screens.learnings import LearningsScreen
from tui.screens.locks import LocksScreen
from tui.screens.metrics import MetricsScreen
from tui.screens.overview import OverviewScreen
from tui.screens.tree import TreeScreen
from tui.screens.worker import WorkerScreen
from tui.screens.workers import WorkersScreen

SCREENS: Mapping[str, Callable[[], FactoryScreen]] = {
    "overview": OverviewScreen,
    "queue": QueueScreen,
    "workers": WorkersScreen,
    "approvals": ApprovalsScreen,
    "locks": LocksScreen,
    "events": EventsScreen,
    "learnings": LearningsScreen,
    "metrics": MetricsScreen,
    "tree": TreeScreen,
}

DETAILS: Mapping[str, Callable[[str, str], FactoryScreen]] = {"item": ItemScreen, "worker": WorkerScreen}
"""By kind, `item` or `worker`: made with its id, and with the tab that is wanted of it."""

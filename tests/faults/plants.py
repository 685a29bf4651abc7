"""Faults inside the factory's own processes: see `planted/sitecustomize.py`, which each process of such a site imports."""

from pathlib import Path

from tests.faults.grounds import Site
from tests.real_factory import RealFactory

PLANTS = {"PYTHONPATH": str(Path(__file__).with_name("planted"))}
"""Settings of a site whose processes can be made to fail from within."""


def block_start(site: Site, actor: str) -> None:
    """The next process of this class of actor does not get through its start, until `let_start`."""
    (site.holds / f"plant-{actor}-start").touch()


def let_start(site: Site, actor: str) -> None:
    (site.holds / f"plant-{actor}-start").unlink(missing_ok=True)


def blocked(site: Site) -> set[int]:
    """Processes that were ever held in their start."""
    return {int(path.name.rpartition("-")[2]) for path in site.holds.glob("blocked-*")}


def raise_in(site: Site, actor: str, error: str) -> None:
    """The next turn of this class of actor raises a builtin exception, once."""
    hidden = site.holds / f"planting-{actor}"
    hidden.write_text(error)
    hidden.rename(site.holds / f"plant-{actor}-raise")


def raised(site: Site, actor: str) -> bool:
    return not (site.holds / f"plant-{actor}-raise").exists()


def set_clock(site: RealFactory, seconds: float) -> None:
    """The wall clock of every process of the factory is wrong by so much from now on; its monotonic clock is not."""
    (site.holds / "plant-clock").write_text(str(seconds))

"""What every test of an actor may ask for."""

from tests.actors.delivery_site import make

__all__ = ["make"]

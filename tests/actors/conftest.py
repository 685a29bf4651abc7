"""What every test of an actor may ask for; some have their own of the same name."""

from tests.actors.delivery_site import make
from tests.actors.queue_site import queue
from tests.actors.spec_site import spec_site
from tests.standin import standin
from tests.work import items

__all__ = ["items", "make", "queue", "spec_site", "standin"]

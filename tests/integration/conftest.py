"""What tests of git, of the GitHub stand-in and of the store may ask for; some have their own of the same name."""

from tests.integration.git_site import remote, repositories, worker
from tests.standin import standin
from tests.standin_watched import ann, scene
from tests.work import items

__all__ = ["ann", "items", "remote", "repositories", "scene", "standin", "worker"]

"""What tests of git may ask for; some have their own of the same name."""

from tests.integration.git_site import remote, repositories, worker

__all__ = ["remote", "repositories", "worker"]

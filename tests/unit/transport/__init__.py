"""The parts of the transport that need no second process."""

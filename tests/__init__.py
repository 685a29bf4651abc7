"""The tests of the factory."""

"""Actors in real processes."""

"""Runs beside the coding agent inside a worker."""

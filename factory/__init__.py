"""Turns labelled issues into checked pull requests."""

"""Measurements as ratios beside a peer or a limit."""

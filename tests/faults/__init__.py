"""Processes killed at named points."""

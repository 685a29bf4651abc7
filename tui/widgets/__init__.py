"""Widgets: each shows a model that it is given, and keeps none."""

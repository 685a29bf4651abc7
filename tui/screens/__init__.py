"""Screens: what is shown on the keys 1 to 9, and the details of an item and a worker."""

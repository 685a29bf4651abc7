"""Rules and values alone."""

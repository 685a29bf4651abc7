"""The whole path, as a person runs it."""

"""The wire: message types, codec and version."""

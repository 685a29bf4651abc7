"""The terminal screens: messages in, pure rows out."""

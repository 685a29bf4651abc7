"""What holds of the code base as a whole."""

"""What holds for every test."""

from hypothesis import settings

# No deadline: on a shared core an example may take long without anything being wrong.
settings.register_profile("factory", deadline=None, print_blob=True)
settings.load_profile("factory")

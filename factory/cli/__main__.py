"""`python -m factory.cli`, for the factory that a command starts for itself."""

from factory.cli import main

main()

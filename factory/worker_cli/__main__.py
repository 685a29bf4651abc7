"""`python -m factory.worker_cli`."""

from factory.worker_cli import main

main()

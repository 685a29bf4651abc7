"""What runs on a machine of remote workers: `factory-worker join` and `factory-worker run`."""

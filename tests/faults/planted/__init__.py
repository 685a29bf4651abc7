"""On the PYTHONPATH of planted sites: see `sitecustomize`."""

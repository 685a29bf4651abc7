"""A GitHub stand-in: pull requests over real bare repositories, git over HTTP, tokens, and failures by script."""

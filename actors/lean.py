"""Imports structlog without rich, which it would draw in for coloured tracebacks. To be preloaded before all else.

Those are five megabytes that each actor's process would be born with, and that the kernel takes down before anybody learns of its death.
"""

import importlib
import sys

_HIDDEN = "rich"

if _HIDDEN not in sys.modules:
    # How an import is told that there is no such module.
    sys.modules[_HIDDEN] = None  # type: ignore[assignment]
    importlib.import_module("structlog")
    del sys.modules[_HIDDEN]

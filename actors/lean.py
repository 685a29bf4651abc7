"""Imports structlog without rich, which it would draw in for coloured tracebacks. To be preloaded before all else.

Those are five megabytes that each actor's process would be born with, and that the kernel takes down before anybody learns of its death.
"""

import gc
import importlib
import sys

# Until `preload`, which is the last: what is imported stays, and a sixth of its time would go into looking at it again and again.
gc.disable()

_HIDDEN = "rich"

if _HIDDEN not in sys.modules:
    # How an import is told that there is no such module.
    sys.modules[_HIDDEN] = None  # type: ignore[assignment]
    importlib.import_module("structlog")
    del sys.modules[_HIDDEN]

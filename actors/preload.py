"""Imports what every actor needs, once, in the fork server; a child then starts in milliseconds and shares the pages.

Only imports: a thread, a socket or a connection made here would be half of one in each child.
"""

import gc
import importlib

# By name and not by statement: it is about memory, and must not look as if the actors used them.
_MODULES = (
    "actors.background",
    "actors.process",
    "factory.transport.mailbox_link",
    "msgspec.msgpack",
    "psycopg.types.json",
    "structlog",
)

for _module in _MODULES:
    importlib.import_module(_module)

# What is alive now stays alive; looking at it in every collection would only copy the pages.
gc.collect()
gc.freeze()
gc.enable()

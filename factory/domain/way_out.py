"""How a worker shows whose it is when it asks to be let out: a line before all else on each of its connections (pure).

The secret of it follows from a key of the factory and the worker's name, so it is known again after any restart, belongs to one
attempt only, and is worth nothing once nobody vouches for that attempt any more.
"""

import hashlib
import hmac
import re

GREETING = b"FACTORY-WAY-OUT/1"
MAX_GREETING = 256
"""Bytes, the end of the line included."""
KEY_BYTES = 32

_WORKER = "[a-z0-9][a-z0-9-]{0,63}"
_LINE = re.compile(rb"FACTORY-WAY-OUT/1 (?P<worker>%s) (?P<secret>[0-9a-f]{64})\r?\n" % _WORKER.encode())


def may_show(worker: str) -> bool:
    """Whether a worker of this name could be let out."""
    return re.fullmatch(_WORKER, worker) is not None


def secret_for(key: bytes, worker: str) -> str:
    """What the worker of this name shows."""
    return hmac.new(key, b"way out of " + worker.encode(), hashlib.sha256).hexdigest()


def greeting(worker: str, secret: str) -> bytes:
    """The line."""
    return b"%s %s %s\r\n" % (GREETING, worker.encode(), secret.encode())


def greeted(line: bytes, key: bytes) -> str | None:
    """The worker whose line it is, None where it is not what that worker was given."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    worker = match["worker"].decode()
    return worker if hmac.compare_digest(secret_for(key, worker), match["secret"].decode()) else None

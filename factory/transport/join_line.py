"""What a machine needs to enrol, as one word: a token that is good once, and the factory's public key.

The key is in it so that the machine knows whom it speaks with: nobody on the way can be the factory, and the token is said to no other.
"""

import base64
import binascii
import hashlib
import secrets
from typing import NamedTuple

from zmq.utils import z85

from factory.domain.hosts import TOKEN_BYTES
from factory.errors import InvalidInput

_KEY_BYTES = 32
_DASH = 62
"""Of the alphabet of base64 for addresses."""


class JoinWord(NamedTuple):
    """The token in hexadecimal, and the factory's key in Z85."""

    token: str
    server_key: str


def new_token() -> str:
    """In hexadecimal."""
    token = secrets.token_bytes(TOKEN_BYTES)
    # Its first six bits are the first character of the word, and a word with a "-" there would be read as an option.
    while token[0] >> 2 == _DASH:
        token = secrets.token_bytes(TOKEN_BYTES)
    return token.hex()


def token_hash(token: str) -> str:
    """What is kept of it: who reads the database learns no token. It has 256 bits, so the hash need not be slow."""
    return hashlib.sha256(token.encode()).hexdigest()


def join_word(token: str, server_key: str) -> str:
    """One word that no shell takes apart."""
    return base64.urlsafe_b64encode(bytes.fromhex(token) + z85.decode(server_key.encode())).decode().rstrip("=")


def read_join_word(word: str) -> JoinWord:
    """Raises `InvalidInput` where it is none."""
    try:
        content = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if len(content) != TOKEN_BYTES + _KEY_BYTES:
        # It is not quoted: half a token may be enough for somebody who reads over a shoulder.
        raise InvalidInput("This is no token of a join line: copy the whole line that `factory worker enroll` printed.")
    return JoinWord(content[:TOKEN_BYTES].hex(), z85.encode(content[TOKEN_BYTES:]).decode())

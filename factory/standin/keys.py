"""Keys of Apps. What makes them comes with PyGithub, which signs with them."""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_BITS = 2_048


def make_key() -> tuple[str, str]:
    """The private and the public part, as PEM."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=_BITS)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()

"""Sealing a text with a key that lies outside the database; whoever has the database alone reads nothing."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from handrail.errors import ConfigError

_PURPOSE = b"handrail: stored connections, 1"
"""HKDF's info (RFC 5869): the key that seals is never the one that keys users."""


def seal(secret: bytes, text: str) -> str:
    """Encrypt and sign (Fernet: AES-128-CBC with HMAC-SHA256)."""
    return _box(secret).encrypt(text.encode()).decode()


def unseal(secret: bytes, sealed: str) -> str:
    """Raises `ConfigError` where the secret is another one than it was sealed with."""
    try:
        return _box(secret).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise ConfigError(
            "The stored Mixpanel credentials were sealed with another key: restore HANDRAIL_SECRET_KEY "
            "or the file secret.key."
        ) from None


def _box(secret: bytes) -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret)
    return Fernet(base64.urlsafe_b64encode(key))

"""Passwords of devices and platforms at rest: sealed with a key derived from the site's secret; and random ones."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


@lru_cache(maxsize=2)
def _fernet(secret: str) -> Fernet:
    key = hashlib.sha256(b"chengheng video credentials:" + secret.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))


def seal(password: str) -> str:
    return _fernet(settings.SECRET_KEY).encrypt(password.encode()).decode()


def unseal(sealed: str) -> str:
    """The password; "" when nothing is stored or the site's secret has changed."""
    if not sealed:
        return ""
    try:
        return _fernet(settings.SECRET_KEY).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return ""


def new_password() -> str:
    """16 characters that can be typed into a camera's page: 79 bits."""
    return "".join(secrets.choice(ALPHABET) for _index in range(16))


def sign(*parts: str) -> str:
    """Signature of the site over evidence: content hash, channel, time, who."""
    key = hashlib.sha256(b"chengheng video evidence:" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, "\n".join(parts).encode(), "sha256").hexdigest()

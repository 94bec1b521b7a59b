"""Secrets that the product must read back (TOTP seeds), encrypted at rest with a key made from the site's secret.

A copy of the database alone opens none of them. Restoring on another machine needs the data folder's `secrets`, too.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def _box() -> MultiFernet:
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([Fernet(_key(str(key))) for key in keys])


def _key(secret: str) -> bytes:
    made = HKDF(SHA256(), 32, salt=None, info=b"chengheng.people.seal").derive(secret.encode())
    return base64.urlsafe_b64encode(made)


def seal(text: str) -> str:
    """The text encrypted and signed."""
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str | None:
    """What `seal` was given; None when the site's secret is another one or the text was changed."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None

"""The files as they came, by the SHA-256 of their content, kept for the preview, the commit and the record."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from chengheng.common.intake.errors import UnreadableFile


def _path(sha256: str) -> Path:
    return Path(settings.FILE_STORE) / "intake" / sha256[:2] / sha256


def keep(content: bytes) -> str:
    """Store the content durably and return its hash; the same content again costs nothing."""
    sha256 = hashlib.sha256(content).hexdigest()
    path = _path(sha256)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, draft = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    return sha256


def fetch(sha256: str) -> bytes:
    """The content, proved to be what was stored; UnreadableFile when it is gone or changed."""
    try:
        content = _path(sha256).read_bytes()
    except FileNotFoundError:
        raise UnreadableFile(_("The uploaded file is not in the file store any more. Upload it again.")) from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UnreadableFile(_("The uploaded file was changed in the file store. Upload it again."))
    return content

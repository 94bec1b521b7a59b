"""Random hexadecimal for tags, branches and nonces: the system's own source, read a few kilobytes at a time.

Asking the system for six bytes costs more than everything else in a registration's nonce. No byte is given out twice;
a forked process begins with a pool of its own.
"""

from __future__ import annotations

import os

_SIZE = 8192
_pool = b""
_at = _SIZE


def _forget() -> None:
    global _pool, _at
    _pool, _at = b"", _SIZE


os.register_at_fork(after_in_child=_forget)


def token(size: int) -> str:
    """`size` random bytes as hexadecimal."""
    global _pool, _at
    if _at + size > len(_pool):
        _pool, _at = os.urandom(max(_SIZE, size)), 0
    start = _at
    _at = start + size
    return _pool[start:_at].hex()

"""Take passwords out of what is shown or logged: SDP, XML, SIP credentials, URLs (facts §2 quirk 9)."""

from __future__ import annotations

import re

_RULES = (
    (re.compile(r"(?im)^(a=password:)[^\r\n]*"), r"\1***"),
    (re.compile(r"(?is)(<(Password|LoginPassword|Pwd)\b[^>]*>)[^<]*(</\2>)"), r"\1***\3"),
    (re.compile(r"(?is)(<(Password|LoginPassword|Pwd)\b[^>]*>)[^<]*\Z"), r"\1***"),
    (re.compile(r'(?i)(\b(?:response|cnonce|nonce|opaque|sign1|sign2)\s*=\s*")[^"]*"'), r'\1***"'),
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]{1,10}://[^\s:/@]{1,64}:)[^\s@/]{1,128}@"), r"\1***@"),
)


def redact(given: str | bytes) -> str:
    """The text without secrets; bytes are decoded as UTF-8, else gb18030."""
    if isinstance(given, bytes):
        try:
            text = given.decode("utf-8")
        except UnicodeDecodeError:
            text = given.decode("gb18030", "replace")
    else:
        text = given
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text

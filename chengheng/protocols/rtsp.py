"""RTSP requests and responses as a probe needs them (RFC 2326 §4–6, §10.1–10.2), sans-I/O.

Bytes out, bytes in; no socket, no clock. Credentials are answered with `sip.digest` (the same RFC 2617 scheme) or Basic.
What must not go in: sessions, media.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from chengheng.protocols.sip import digest

LONGEST_HEAD = 16 * 1024
LONGEST_BODY = 256 * 1024


class RtspError(ValueError):
    """These bytes are no RTSP response."""


@dataclass(frozen=True)
class Response:
    """One response. Header names are in lower case; of repeated ones the values stand in order."""

    status: int
    reason: str
    headers: dict[str, list[str]] = field(default_factory=dict)
    body: bytes = b""

    def get(self, name: str) -> str:
        """First value of a header, given in lower case; "" when it is missing."""
        return self.headers.get(name, [""])[0]


def plain_url(url: str) -> str:
    """The URL without user and password, as it stands in a request line. ValueError when it is no rtsp:// URL."""
    parts = urlsplit(url)
    if parts.scheme not in {"rtsp", "rtsps"} or not parts.hostname or any(c in url for c in "\r\n \t"):
        raise ValueError(url)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = f"{host}:{parts.port}" if parts.port else host
    return urlunsplit((parts.scheme, netloc, parts.path or "/", parts.query, ""))


def request(method: str, url: str, cseq: int, headers: dict[str, str] | None = None) -> bytes:
    """One request without a body. ValueError for line breaks in what is put in."""
    lines = [
        f"{method} {url} RTSP/1.0",
        f"CSeq: {cseq}",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a line break in a header")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def read(data: bytes) -> tuple[Response, bytes] | None:
    """(first response, the rest) of what has come so far; None while it is not complete. RtspError otherwise."""
    end = data.find(b"\r\n\r\n")
    if not b"RTSP/1.0 "[: len(data)] == data[:9]:
        raise RtspError(data[:40].decode("ascii", "replace"))
    if end < 0:
        if len(data) > LONGEST_HEAD:
            raise RtspError("the head is too long")
        return None
    lines = data[:end].decode("utf-8", "replace").split("\r\n")
    _version, _space, rest = lines[0].partition(" ")
    code, _space, reason = rest.partition(" ")
    if not (code.isascii() and code.isdigit() and len(code) == 3):
        raise RtspError(lines[0][:40])
    headers: dict[str, list[str]] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), []).append(value.strip())
    length = headers.get("content-length", ["0"])[0]
    if not (length.isascii() and length.isdigit() and len(length) < 8) or int(length) > LONGEST_BODY:
        raise RtspError(f"Content-Length {length[:20]}")
    stop = end + 4 + int(length)
    if len(data) < stop:
        return None
    return Response(int(code), reason.strip(), headers, data[end + 4 : stop]), data[stop:]


def authorization(answer: Response, user: str, password: str, method: str, url: str) -> str | None:
    """The Authorization value for a 401; None when no scheme of ours is offered."""
    for challenge in answer.headers.get("www-authenticate", []):
        scheme = challenge.partition(" ")[0].lower()
        if scheme == "digest":
            try:
                return digest.answer(challenge, user, password, method, url)
            except ValueError:
                continue
        if scheme == "basic":
            return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return None


def streams(sdp: bytes) -> list[tuple[str, str]]:
    """(kind, encoding) of each medium that a description offers: [("video", "H264"), ("audio", "PCMA")]."""
    found: list[tuple[str, str]] = []
    for line in sdp.decode("utf-8", "replace").splitlines():
        if line.startswith("m="):
            found.append((line[2:].partition(" ")[0], ""))
        elif line.startswith("a=rtpmap:") and found and not found[-1][1]:
            found[-1] = (found[-1][0], line.partition(" ")[2].partition("/")[0].upper())
    return found

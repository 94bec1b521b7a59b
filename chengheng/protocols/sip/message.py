"""One SIP message: tolerant reading, strict writing (RFC 3261 §7, §20, §25).

Header names are kept in lower case with the compact forms spelled out; values keep their order. What this file does
not know: transactions, dialogs, what a body means.
"""

from __future__ import annotations

import re
from typing import NamedTuple

COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "c": "content-type", "l": "content-length",
    "s": "subject", "k": "supported", "e": "content-encoding", "o": "event", "u": "allow-events", "r": "refer-to",
}  # fmt: skip
SPELLING = {
    "call-id": "Call-ID", "cseq": "CSeq", "www-authenticate": "WWW-Authenticate", "x-gb-ver": "X-GB-Ver",
    "via": "Via", "from": "From", "to": "To", "contact": "Contact", "max-forwards": "Max-Forwards",
    "content-type": "Content-Type", "content-length": "Content-Length", "user-agent": "User-Agent",
}  # fmt: skip
REASONS = {
    100: "Trying", 180: "Ringing", 200: "OK", 302: "Moved Temporarily", 400: "Bad Request", 401: "Unauthorized",
    403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    415: "Unsupported Media Type", 423: "Interval Too Brief", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event",
    500: "Server Internal Error", 503: "Service Unavailable",
}  # fmt: skip
LONGEST_HEAD = 64 * 1024


class SipError(ValueError):
    """These bytes are no SIP message, not even a careless one."""


class Message:
    """A request (`method`, `uri`) or a response (`status`, `reason`), its headers and its body."""

    __slots__ = ("body", "headers", "key", "method", "reason", "status", "uri")

    def __init__(
        self,
        method: str = "",
        uri: str = "",
        status: int = 0,
        reason: str = "",
        headers: dict[str, list[str]] | None = None,
        body: bytes = b"",
    ) -> None:
        self.method, self.uri, self.status, self.reason = method, uri, status, reason
        self.headers = headers if headers is not None else {}
        self.body = body
        self.key: tuple[str, str, str] | None = None  # how its transaction is known, once it has one

    def __repr__(self) -> str:
        first = f"{self.method} {self.uri}" if self.method else f"{self.status} {self.reason}"
        return f"<SIP {first} {self.get('cseq')}>"

    @property
    def is_request(self) -> bool:
        return bool(self.method)

    def get(self, name: str, default: str = "") -> str:
        """First value of a header, given in lower case."""
        values = self.headers.get(name)
        return values[0] if values else default

    def all(self, name: str) -> list[str]:
        return self.headers.get(name, [])

    def set(self, name: str, value: str) -> None:
        self.headers[name] = [value]

    def add(self, name: str, value: str) -> None:
        self.headers.setdefault(name, []).append(value)

    @property
    def call_id(self) -> str:
        return self.get("call-id")

    @property
    def cseq(self) -> tuple[int, str]:
        """(number, method) of CSeq; (0, "") when it cannot be read."""
        number, _space, method = self.get("cseq").partition(" ")
        return (int(number), method.strip().upper()) if number.isascii() and number.isdigit() else (0, "")

    @property
    def branch(self) -> str:
        """Branch of the topmost Via, with or without the z9hG4bK cookie; "" when there is none."""
        return parameter(self.get("via").partition(",")[0], "branch")

    @property
    def content_length(self) -> int | None:
        """The declared length; None when it is missing or no number."""
        value = self.get("content-length").strip()
        return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None

    @property
    def content_type(self) -> str:
        """Lower-case media type without parameters."""
        return self.get("content-type").partition(";")[0].strip().lower()

    @property
    def expires(self) -> int | None:
        """Seconds asked for or granted: the Contact's parameter or the Expires header; None when neither is there."""
        text = parameter(self.get("contact"), "expires") or self.get("expires").strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

    def encode(self) -> bytes:
        """The message as bytes, Content-Length counted in bytes and written last."""
        if self.method:
            lines = [f"{self.method} {self.uri} SIP/2.0"]
        else:
            lines = [f"SIP/2.0 {self.status} {self.reason or REASONS.get(self.status, 'Unknown')}"]
        for name, values in self.headers.items():
            if name == "content-length":
                continue
            written = SPELLING.get(name) or name.title()
            if len(values) == 1:
                lines.append(f"{written}: {values[0]}")
            else:
                lines.extend([f"{written}: {value}" for value in values])
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body


_KNOWN = {SPELLING.get(name, name.title()): name for name in (*SPELLING, "expires", "date", "event", "subject")}
_METHOD = re.compile(r"[A-Za-z]{2,20}$")


def parse(data: bytes) -> Message:
    """Read one whole message; everything after the head is its body (Content-Length is not obeyed here).

    Tolerated: bare LF, padded numbers, folded lines, empty lines before the start line, missing blank line before an
    XML or SDP body, odd charset in headers. SipError when there is no start line at all.
    """
    data = data.lstrip(b"\r\n\0 \t") if data[:1] in b"\r\n\0 \t" else data
    end = data.find(b"\r\n\r\n")
    if end >= 0:
        head, body = data[:end], data[end + 4 :]
    else:
        end = data.find(b"\n\n")
        head, body = (data[:end], data[end + 2 :]) if end >= 0 else (data, b"")
    if len(head) > LONGEST_HEAD:
        raise SipError("the head is too long")
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError:
        text = head.decode("gb18030", "replace")
    lines = text.split("\r\n") if "\r\n" in text else text.split("\n")
    message = _start(lines[0].strip())
    headers = message.headers
    last: list[str] | None = None
    known = _KNOWN
    for number, line in enumerate(lines[1:], 1):
        name, colon, value = line.partition(":")
        key = known.get(name)
        if key is not None and colon:
            last = headers.get(key)
            if last is None:
                headers[key] = last = [value.strip()]
            else:
                last.append(value.strip())
            continue
        if line[:1] in " \t":
            if last and line.strip():
                last[-1] += " " + line.strip()
            continue
        if not colon or line[0] == "<" or line.startswith("v=0"):
            if line.startswith(("<", "v=0")):  # the blank line before the body is missing
                rest = b"\n".join(head.split(b"\n")[number:])
                body = rest + data[end : end + 4] + body if end >= 0 else rest
                break
            continue
        key = name.strip().lower()
        key = COMPACT.get(key, key)
        if len(known) < 500:
            known[name] = key
        last = headers.get(key)
        if last is None:
            headers[key] = last = [value.strip()]
        else:
            last.append(value.strip())
    message.body = body
    return message


def _start(line: str) -> Message:
    if line[:4].upper() == "SIP/":
        parts = line.split(None, 2)
        if len(parts) >= 2 and parts[1].isascii() and parts[1].isdigit() and len(parts[1]) == 3:
            return Message(status=int(parts[1]), reason=parts[2] if len(parts) > 2 else "")
        raise SipError("no status code")
    parts = line.split()
    if len(parts) == 3 and parts[2][:4].upper() == "SIP/" and _METHOD.match(parts[0]):
        return Message(method=parts[0].upper(), uri=parts[1])
    raise SipError("no start line")


def starts_message(data: bytes) -> bool:
    """Whether the bytes begin with a SIP start line."""
    first = data.lstrip(b"\r\n\0 \t")[:2048].partition(b"\n")[0].rstrip().upper()
    return first.startswith(b"SIP/2") or b" SIP/2" in first[-9:]


def parameter(value: str, name: str) -> str:
    """A ;parameter of a header value, outside the angle brackets first; "" when it is missing."""
    after = value.rpartition(">")[2]
    for part in after.split(";"):
        key, _equals, content = part.partition("=")
        if key.strip().lower() == name:
            return content.strip().strip('"')
    return ""


def flag(value: str, name: str) -> bool:
    """Whether a ;parameter is there, with or without a value."""
    return any(part.partition("=")[0].strip().lower() == name for part in value.rpartition(">")[2].split(";")[1:])


class Uri(NamedTuple):
    """sip:user@host:port;parameters: host is never used to decide who somebody is (vendors differ)."""

    user: str
    host: str
    port: int | None
    parameters: str


def uri_of(value: str) -> Uri:
    """The URI of a From, To, Contact or request line; empty parts when it cannot be read."""
    inner = value
    if "<" in value:
        inner = value.partition("<")[2].partition(">")[0]
    inner = inner.strip()
    scheme, colon, rest = inner.partition(":")
    if not colon or scheme.lower() not in ("sip", "sips"):
        rest = inner
    address, _semicolon, parameters = rest.partition(";")
    user, at, host = address.rpartition("@")
    if not at:
        user = ""
    port: int | None = None
    if host.startswith("["):
        host, _bracket, tail = host[1:].partition("]")
        digits = tail.lstrip(":")
    else:
        host, _colon, digits = host.partition(":")
    if digits.isascii() and digits.isdigit() and len(digits) <= 5:
        port = int(digits)
    return Uri(user.partition(":")[0], host, port, parameters)


def user_of(value: str) -> str:
    """The user part of a From, To, Contact or request line; as `uri_of(value).user`, quicker for the usual form."""
    start = value.find("sip:")
    end = value.find("@", start)
    if start < 0 or end < 0:
        return uri_of(value).user
    user = value[start + 4 : end]
    return user if user.isalnum() else uri_of(value).user


def tag_of(value: str) -> str:
    return parameter(value, "tag")


def response_to(request: Message, status: int, reason: str = "", to_tag: str = "", **headers: str) -> Message:
    """A response that copies Via, From, To, Call-ID and CSeq; keyword names use underscores for hyphens."""
    to = request.get("to")
    if to_tag and (";tag=" not in to or not tag_of(to)):
        to = f"{to};tag={to_tag}"
    copied = {"via": list(request.all("via"))}
    if request.all("record-route"):
        copied["record-route"] = list(request.all("record-route"))
    copied |= {
        "from": [request.get("from")],
        "to": [to],
        "call-id": [request.get("call-id")],
        "cseq": [request.get("cseq")],
    }
    answer = Message(status=status, reason=reason or REASONS.get(status, "Unknown"), headers=copied)
    for name, value in headers.items():
        answer.set(name.replace("_", "-"), value)
    return answer


def mark_source(request: Message, host: str, port: int) -> None:
    """Fill rport and received of the topmost Via with where the packet came from (RFC 3581)."""
    values = request.headers.get("via")
    if not values:
        return
    usual = values[0]
    if ";rport;" in usual and "received" not in usual and "," not in usual:
        sent_by = usual.partition(";")[0].rpartition(" ")[2].partition(":")[0]
        usual = usual.replace(";rport;", f";rport={port};", 1)
        values[0] = usual if sent_by == host else f"{usual};received={host}"
        return
    first, comma, others = values[0].partition(",")
    parts = [part for part in first.split(";") if part.partition("=")[0].strip().lower() not in ("rport", "received")]
    sent_by = parts[0].split()[-1] if parts[0].split() else ""
    if flag(first, "rport"):
        parts.append(f"rport={port}")
    if sent_by.partition(":")[0] != host:
        parts.append(f"received={host}")
    values[0] = ";".join(parts) + comma + others

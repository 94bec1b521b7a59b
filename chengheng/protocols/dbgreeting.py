"""The first words with a database server, as far as "is it ready for clients" needs them, sans-I/O.

PostgreSQL (protocol 3.0; KingbaseES, openGauss and others speak the same): a start-up message, and what answers it, as
pg_isready judges. MySQL and MariaDB (protocol 10): the server greets first; the greeting is answered with a login that
is refused, because a broken-off handshake counts as an error of this host until the server blocks it.
What must not go in: queries, working logins.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

LONGEST = 16 * 1024
_NOT_NOW = {"57P03", "53300", "57P01", "57P02"}
"""Cannot connect now (starting, recovering), too many connections, shutting down, crashed: SQLSTATE of PostgreSQL."""


class GreetingError(ValueError):
    """These bytes are not of such a server."""


@dataclass(frozen=True)
class Greeting:
    """Whether the server takes clients, its version where it tells, and why not."""

    ready: bool
    version: str = ""
    text: str = ""


def postgres_hello(user: str = "probe", database: str = "postgres") -> bytes:
    """A start-up message (PostgreSQL documentation, Message Formats: StartupMessage)."""
    body = struct.pack("!I", 196608)
    for name, value in (("user", user), ("database", database)):
        body += name.encode() + b"\0" + value.encode().replace(b"\0", b"") + b"\0"
    body += b"\0"
    return struct.pack("!I", len(body) + 4) + body


def postgres(data: bytes) -> Greeting | None:
    """What the answer to `postgres_hello` says; None while it is not complete. Asking for a password is readiness."""
    if not data:
        return None
    if data[:1] not in {b"R", b"E", b"v"}:
        raise GreetingError("not PostgreSQL")
    if len(data) < 5:
        return None
    (length,) = struct.unpack_from("!I", data, 1)
    if not 4 <= length <= LONGEST:
        raise GreetingError("not PostgreSQL")
    if len(data) < length + 1:
        return None
    if data[:1] != b"E":
        return Greeting(True)
    said = {entry[:1]: entry[1:].decode("utf-8", "replace") for entry in data[5 : length + 1].split(b"\0") if entry}
    code, words = said.get(b"C", ""), said.get(b"M", "")
    if code in _NOT_NOW:
        return Greeting(False, text=f"{code} {words}"[:160])
    return Greeting(True, text=code)


def _packet(data: bytes) -> bytes | None:
    if len(data) < 4:
        return None
    length = int.from_bytes(data[:3], "little")
    if not 1 <= length <= LONGEST:
        raise GreetingError("not MySQL")
    return data[4 : 4 + length] if len(data) >= 4 + length else None


def mysql(data: bytes) -> Greeting | None:
    """What a server greets with (HandshakeV10 or an error); None while it is not complete."""
    body = _packet(data)
    if body is None:
        return None
    if data[3] != 0:
        raise GreetingError("not MySQL")
    if body[0] == 0xFF:
        if len(body) < 3:
            raise GreetingError("not MySQL")
        words = body[3:].decode("utf-8", "replace")
        return Greeting(False, text=f"{int.from_bytes(body[1:3], 'little')} {words}"[:160])
    end = body.find(b"\0", 1)
    if body[0] != 10 or end < 0:
        raise GreetingError("not MySQL")
    return Greeting(True, version=body[1:end].decode("utf-8", "replace")[:60])


def mysql_login(user: str = "probe") -> bytes:
    """The answer to the greeting (HandshakeResponse41) without a password: it is refused, and the handshake is whole."""
    flags = 0x00000200 | 0x00008000 | 0x00080000  # protocol 4.1, secure connection, named plug-in
    body = struct.pack("<IIB23x", flags, LONGEST, 45) + user.encode() + b"\0" + b"\0" + b"mysql_native_password\0"
    return len(body).to_bytes(3, "little") + b"\1" + body

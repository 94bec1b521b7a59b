"""Calling an address that somebody typed in, without becoming their way into the house (SSRF).

The name is resolved once, every address it has is judged, and the connection goes to the address that was judged: a
name that changes its mind in between gains nothing. No redirects, no proxies, bounded time and answer. Addresses inside
the house are refused unless CHENGHENG_INSIDE_HOSTS lists the host or its network (an SMS gateway often stands there).
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from chengheng.common.notices.errors import UnsafeAddress

SECONDS = 10.0
MOST_ANSWER_BYTES = 64 * 1024

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Target:
    """A judged address: where to connect and what to ask for."""

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]


def is_inside(address: Address) -> bool:
    """Whether an address lies inside the house or is none of a single machine on the internet."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_inside(inner)
    return not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified


def _listed(host: str, address: Address, inside: Iterable[str]) -> bool:
    for entry in inside:
        if entry.lower() == host:
            return True
        try:
            if address in ipaddress.ip_network(entry, strict=False):
                return True
        except ValueError:
            continue
    return False


def check(url: str) -> Target:
    """The judged address, resolved now. UnsafeAddress says why not."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower().rstrip("."), parts.port
    except ValueError:
        raise UnsafeAddress(why=_("it is no web address")) from None
    if parts.scheme not in ("http", "https") or not host or any(ord(char) <= 32 for char in url):
        raise UnsafeAddress(why=_("it must begin with https:// (or http:// inside the house)"))
    if parts.username is not None or parts.password is not None:
        raise UnsafeAddress(why=_("a name and password must not stand in it"))
    port = port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UnsafeAddress(why=_("the name %(host)s is not known") % {"host": host}) from None
    inside = settings.INSIDE_HOSTS
    addresses = []
    for *_rest, place in found:
        address = ipaddress.ip_address(str(place[0]).split("%")[0])
        listed = _listed(host, address, inside)
        if is_inside(address) and not listed:
            raise UnsafeAddress(
                why=_("%(host)s lies inside the house and is not listed in CHENGHENG_INSIDE_HOSTS") % {"host": host}
            )
        if parts.scheme == "http" and not listed:
            raise UnsafeAddress(why=_("outside the house it must be https://"))
        addresses.append(str(address))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path, tuple(dict.fromkeys(addresses)))


class _Connection(http.client.HTTPConnection):
    """A connection to a judged address under the name that was asked for."""

    def __init__(self, target: Target, timeout: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout)
        self.target = target

    def connect(self) -> None:
        last: OSError | None = None
        for address in self.target.addresses:
            try:
                plain = socket.create_connection((address, self.target.port), self.timeout)
            except OSError as error:
                last = error
                continue
            if self.target.scheme == "https":
                plain = ssl.create_default_context().wrap_socket(plain, server_hostname=self.target.host)
            self.sock = plain
            return
        raise last or OSError("no address")


def post(url: str, body: bytes, headers: Mapping[str, str], seconds: float = SECONDS) -> Answer:
    """POST to a judged address. UnsafeAddress; OSError or http.client.HTTPException when it cannot be reached."""
    deadline = time.monotonic() + seconds
    target = check(url)
    connection = _Connection(target, max(0.1, deadline - time.monotonic()))
    try:
        connection.request("POST", target.path, body, {"User-Agent": "Chengheng", "Connection": "close", **headers})
        response = connection.getresponse()
        held = b""
        while len(held) < MOST_ANSWER_BYTES:
            if time.monotonic() > deadline:
                raise TimeoutError("the answer takes too long")
            piece = response.read1(8192)
            if not piece:
                break
            held += piece
        return Answer(response.status, dict(response.getheaders()), held[:MOST_ANSWER_BYTES])
    finally:
        connection.close()

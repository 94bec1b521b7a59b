"""Which URLs may be fetched: http and https to public addresses on their own ports, written plainly.

Pure: no socket. The fetcher asks `target` for every URL and every redirect, and `public` for every address that the
resolver gives. A name is refused when ANY of its addresses is not public: an attacker picks which one is used.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

LONGEST = 2048

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Beyond `is_global`: tunnels and translations that lead to private IPv4, clouds' metadata, documentation, benchmarks.
_REFUSED = [
    ipaddress.ip_network(net)
    for net in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
        "::/8", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
        "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
]  # fmt: skip
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_LOCAL_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "localdomain", "arpa", "onion")


class Refused(ValueError):
    """This URL or address is not fetched; the message is a stable reason code."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in its one plain form. `address` is set when the host is an address."""

    url: str
    scheme: str
    host: str
    port: int
    address: Address | None

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


def public(address: Address | str) -> bool:
    """Whether an address belongs to the public internet and to nothing that leads back inside."""
    try:
        found = ipaddress.ip_address(address) if isinstance(address, str) else address
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and (found.ipv4_mapped or found.scope_id):
        return False
    return (
        found.is_global
        and not found.is_multicast
        and not any(found in net for net in _REFUSED if net.version == found.version)
    )


def _host(raw: str) -> tuple[str, Address | None]:
    if raw.startswith("["):
        if not raw.endswith("]") or "%" in raw:
            raise Refused("host")
        try:
            six = ipaddress.IPv6Address(raw[1:-1])
        except ValueError as error:
            raise Refused("host") from error
        return f"[{six.compressed}]", six
    name = raw.rstrip(".").lower()
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii").lower().rstrip(".")
        except UnicodeError as error:
            raise Refused("host") from error
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refused("host")
    # What a lenient C library would read as an address (2130706433, 0x7f.1, 0177.0.0.1, 127.1) is refused unless it
    # is a plain dotted quad.
    if re.fullmatch(r"(0x[0-9a-f]*|\d+)", labels[-1]):
        try:
            four = ipaddress.IPv4Address(name)
        except ValueError as error:
            raise Refused("host") from error
        return str(four), four
    if len(labels) < 2 or labels[-1] in _LOCAL_NAMES:
        raise Refused("local_name")
    return name, None


def target(url: str, ports: Iterable[int] = (80, 443), inside: bool = False) -> Target:
    """The plain form of `url`, or `Refused`. `inside` lets loopback through: tests pass it, settings cannot."""
    if len(url) > LONGEST:
        raise Refused("too_long")
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise Refused("characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused("malformed") from error
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https"):
        raise Refused("scheme")
    if "@" in parts.netloc:
        raise Refused("user_info")
    host_text = parts.netloc
    if port is not None or parts.netloc.endswith(":"):
        host_text = parts.netloc.rsplit(":", 1)[0]
    if not host_text:
        raise Refused("host")
    if inside and host_text in ("localhost", "127.0.0.1"):
        loop = ipaddress.ip_address("127.0.0.1")
        return Target(_plain(scheme, f"127.0.0.1:{port or 80}", parts), scheme, "127.0.0.1", port or 80, loop)
    host, address = _host(host_text)
    port = port if port is not None else (443 if scheme == "https" else 80)
    if port not in ports:
        raise Refused("port")
    if address is not None and not public(address):
        raise Refused("address")
    default = 443 if scheme == "https" else 80
    return Target(_plain(scheme, host if port == default else f"{host}:{port}", parts), scheme, host, port, address)


def _plain(scheme: str, netloc: str, parts: object) -> str:
    path = quote(getattr(parts, "path", "") or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(getattr(parts, "query", ""), safe="/%:@!$&'()*+,;=~-._?")
    return urlunsplit((scheme, netloc, path, query, ""))


def follow(base: Target, location: str, ports: Iterable[int] = (80, 443), inside: bool = False) -> Target:
    """The target of a redirect; a step down from https to http is refused."""
    found = target(urljoin(base.url, location.strip()), ports, inside)
    if base.scheme == "https" and found.scheme == "http":
        raise Refused("downgrade")
    return found

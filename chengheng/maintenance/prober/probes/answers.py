"""What is asked of a target, and what a probe answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from chengheng.maintenance.rules import conditions

PORTS = {"snmp": 161, "sip": 5060, "rtsp": 554, "ntp": 123, "postgresql": 5432, "mysql": 3306}
KINDS = ("icmp", "tcp", "http", "snmp", "sip", "rtsp", "ntp", "database", "metrics")
LONGEST_TEXT = 160


class Answer(NamedTuple):
    """What one probe found. `ms` is the time to the answer, None without one; `text` says why not (or what was read)."""

    ok: bool
    ms: float | None = None
    text: str = ""
    numbers: Mapping[str, float] = MappingProxyType({})


Done = Callable[[Answer], None]


@dataclass(frozen=True)
class Target:
    """A target as its kind of probe understands it. `address` is the host when it is a number already, else ""."""

    kind: str
    host: str
    port: int = 0
    url: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    scheme: str = ""
    address: str = ""
    must: tuple[conditions.Condition, ...] = ()


def understand(kind: str, target: str, options: dict[str, Any]) -> Target:
    """The target of a kind of probe; ValueError when it is not understood.

    `10.0.0.1`, `2001:db8::1` (icmp), `10.0.0.1:22`, `[2001:db8::1]:22` (tcp), `https://…` (http, metrics), `10.0.0.1[:161]` (snmp, ntp),
    `[sip:user@]10.0.0.1[:5060][;transport=tcp]` (sip), `rtsp://…` (rtsp), `postgresql://…` or `mysql://host[:port]`
    (database). Options: `must`, the conditions on numbers. No password stands in an address: it would be shown.
    """
    target = target.strip()
    must = tuple(conditions.read(str(options.get("must", ""))))
    if kind not in KINDS or any(sign in target for sign in " \t\r\n\0"):
        raise ValueError(target)
    if must and kind not in {"metrics", "snmp"}:
        raise ValueError("must")
    if kind in {"http", "metrics", "rtsp", "database"}:
        schemes = {"rtsp": {"rtsp"}, "database": {"postgresql", "mysql"}}.get(kind, {"http", "https"})
        parts = urlsplit(target)
        if parts.scheme not in schemes or not parts.hostname or parts.username is not None:
            raise ValueError(target)
        port = parts.port or PORTS.get(parts.scheme) or (443 if parts.scheme == "https" else 80)
        return Target(
            kind, parts.hostname, port, target, str(options.get("user", "")), str(options.get("password", "")),
            parts.scheme, _number(parts.hostname), must,
        )  # fmt: skip
    scheme, user = "", ""
    if kind == "sip":
        target = target.removeprefix("sip:")
        target, _sign, transport = target.partition(";transport=")
        user, sign, host = target.rpartition("@")
        target, scheme = host if sign else target, transport or "udp"
        if scheme not in {"udp", "tcp"}:
            raise ValueError(target)
    parts = urlsplit(f"//{_bracketed(target)}")
    if not parts.hostname or parts.path or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(target)
    port = parts.port or PORTS.get(kind, 0)
    if (kind == "tcp" and not port) or (kind == "icmp" and parts.port):
        raise ValueError(target)
    return Target(kind, parts.hostname, port, user=user, scheme=scheme, address=_number(parts.hostname), must=must)


def _bracketed(target: str) -> str:
    """A bare IPv6 address as an authority holds it: nobody writes brackets where there is no port to set apart."""
    with suppress(ValueError):
        return f"[{IPv6Address(target)}]"
    return target


def _number(host: str) -> str:
    with suppress(ValueError):
        return str(ip_address(host))
    return ""

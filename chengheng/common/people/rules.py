"""What access control computes: pure functions; no database, no clock, no request.

GB/T 22239-2019 8.1.4.1 (identity: complexity and change of passwords, failure handling, time-outs, two factors) and
8.1.4.2 / 8.1.5 (separated administrators) ask that such rules exist and set no numbers. All numbers in `Policy` are
local rule, configurable: a dated, versioned row replaces them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

SYSTEM_ADMINISTRATOR = "people.system_administrator"
SECURITY_ADMINISTRATOR = "people.security_administrator"
AUDITOR = "people.auditor"
ADMINISTRATORS = frozenset({SYSTEM_ADMINISTRATOR, SECURITY_ADMINISTRATOR, AUDITOR})

PASSWORD_MAX_LENGTH = 128  # a longer one only costs hashing time


@dataclass(frozen=True)
class Policy:
    """The numbers of access control. Defaults: local rule, configurable."""

    password_min_length: int = 10
    password_classes: int = 3  # of: lower case, upper case, digit, anything else
    password_days: int = 90  # 0: never expires
    password_history: int = 5
    lock_after: int = 5
    address_lock_after: int = 50  # an office shares one address
    lock_window_minutes: int = 15
    lock_minutes: int = 15
    session_idle_minutes: int = 30
    session_hours: int = 12
    second_factor_for_all: bool = False
    second_administrator: bool = False  # a new site has only one
    token_days: int = 365
    user_per_minute: int = 600
    address_per_minute: int = 3000
    sign_ins_per_minute: int = 60


DEFAULT_POLICY = Policy()

BOUNDS: dict[str, tuple[int, int]] = {
    "password_min_length": (8, 64),
    "password_classes": (1, 4),
    "password_days": (0, 3650),
    "password_history": (0, 24),
    "lock_after": (3, 20),
    "address_lock_after": (10, 1000),
    "lock_window_minutes": (1, 1440),
    "lock_minutes": (1, 1440),
    "session_idle_minutes": (5, 480),
    "session_hours": (1, 24),
    "token_days": (1, 730),
    "user_per_minute": (60, 60_000),
    "address_per_minute": (60, 600_000),
    "sign_ins_per_minute": (10, 1000),
}
"""Least and most of each number, so that a policy cannot switch a protection off. Local rule."""


def policy_fault(policy: Policy) -> tuple[str, int, int] | None:
    """The first number out of bounds as (name, least, most); None when all are within."""
    for name, (least, most) in BOUNDS.items():
        if not least <= getattr(policy, name) <= most:
            return name, least, most
    return None


# Passwords


def character_classes(password: str) -> int:
    """How many of the four kinds occur: lower case, upper case, digit, anything else (signs, Chinese characters)."""
    kinds = {
        "lower" if c.islower() else "upper" if c.isupper() else "digit" if c.isdecimal() else "other" for c in password
    }
    return len(kinds)


def password_faults(password: str, policy: Policy, personal: Sequence[str] = ()) -> list[str | Promise]:
    """What is wrong with a new password, as sentences; empty when it may be used.

    `personal`: user name, name, phone, e-mail: a password may not contain any of four or more characters.
    """
    faults: list[str | Promise] = []
    if len(password) < policy.password_min_length:
        faults.append(
            format_lazy(_("The password needs at least {count} characters."), count=policy.password_min_length)
        )
    if len(password) > PASSWORD_MAX_LENGTH:
        faults.append(format_lazy(_("The password may have at most {count} characters."), count=PASSWORD_MAX_LENGTH))
    if character_classes(password) < policy.password_classes:
        faults.append(
            format_lazy(
                _("The password needs {count} of these: small letters, capital letters, digits, other characters."),
                count=policy.password_classes,
            )
        )
    folded = password.casefold()
    if any(len(word) >= 4 and word.casefold() in folded for word in personal):
        faults.append(_("The password may not contain your user name, name, telephone or e-mail address."))
    if password and len(set(folded)) < 5:
        faults.append(_("The password repeats too few different characters."))
    return faults


def password_expired(changed_at: datetime | None, policy: Policy, now: datetime) -> bool:
    """Whether a password set at `changed_at` must be changed; one of unknown age must."""
    if not policy.password_days:
        return False
    return changed_at is None or now - changed_at >= timedelta(days=policy.password_days)


# Lockout


def counting_time(policy: Policy) -> timedelta:
    """How far back failures can still matter: the window in which they count and the lock that follows."""
    return timedelta(minutes=policy.lock_window_minutes + policy.lock_minutes)


def locked_until(failures: Sequence[datetime], limit: int, policy: Policy, now: datetime) -> datetime | None:
    """When the lock ends, or None when there is none at `now`.

    `failures`: times of failed attempts, newest first, none before the last success or unlocking. Attempts refused
    because of a lock are no failures: they do not prolong it.
    """
    if len(failures) < limit:
        return None
    newest, oldest = failures[0], failures[limit - 1]
    until = newest + timedelta(minutes=policy.lock_minutes)
    if newest - oldest <= timedelta(minutes=policy.lock_window_minutes) and now < until:
        return until
    return None


# Time-based one-time passwords (RFC 6238: HMAC-SHA-1, 30 s, 6 digits, as every authenticator app reads them)

TOTP_PERIOD = 30
TOTP_DIGITS = 6
TOTP_DRIFT = 1  # steps before and after that are accepted, RFC 6238 5.2


def new_totp_secret() -> str:
    """160 random bits in base32 (RFC 4226 4 R6)."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def totp_step(now: datetime) -> int:
    """The number of the 30-second step that holds `now`."""
    return int(now.timestamp()) // TOTP_PERIOD


def totp_code(secret: str, step: int) -> str:
    """The code of a step, six digits."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**TOTP_DIGITS:0{TOTP_DIGITS}d}"


def totp_match(secret: str, code: str, now: datetime, last_step: int | None = None) -> int | None:
    """The step whose code this is, within the drift and after `last_step` (a code works once, RFC 6238 5.2); else None."""
    given = re.sub(r"\s", "", code)
    if not re.fullmatch(rf"[0-9]{{{TOTP_DIGITS}}}", given):
        return None
    here = totp_step(now)
    for step in range(here - TOTP_DRIFT, here + TOTP_DRIFT + 1):
        fresh = last_step is None or step > last_step
        if fresh and hmac.compare_digest(totp_code(secret, step), given):
            return step
    return None


def totp_uri(secret: str, username: str, issuer: str) -> str:
    """The `otpauth://` address that authenticator apps read from the QR code."""
    return (
        f"otpauth://totp/{quote(issuer, safe='')}:{quote(username, safe='')}?secret={secret}"
        f"&issuer={quote(issuer, safe='')}&algorithm=SHA1&digits={TOTP_DIGITS}&period={TOTP_PERIOD}"
    )


# Recovery codes and tokens: random enough that a plain SHA-256 keeps them

RECOVERY_CODES = 10


def new_recovery_code() -> str:
    """80 random bits as `XXXX-XXXX-XXXX-XXXX` in base32."""
    text = base64.b32encode(secrets.token_bytes(10)).decode()
    return "-".join(text[i : i + 4] for i in range(0, 16, 4))


def recovery_digest(code: str) -> str:
    """SHA-256 of a recovery code as a person types it: case, blanks and hyphens do not matter."""
    return hashlib.sha256(re.sub(r"[\s-]", "", code).upper().encode()).hexdigest()


TOKEN_PREFIX = "chg_"  # noqa: S105 - makes leaked tokens findable


def new_token() -> str:
    """A bearer token: prefix and 256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """SHA-256 in hexadecimal, as stored."""
    return hashlib.sha256(token.encode()).hexdigest()


# Addresses

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@lru_cache(maxsize=4096)
def _address(text: str) -> Address | None:
    text = text.strip()
    if text.startswith("["):  # [2001:db8::1]:443
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # 192.0.2.1:443
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Addresses and networks of trusted proxies; ValueError names what is neither."""
    return tuple(ip_network(text, strict=False) for text in texts)


def is_trusted(remote: str, trusted: Sequence[Network]) -> bool:
    """Whether the peer of a connection is one of our own proxies."""
    address = _address(remote)
    return address is not None and any(address in network for network in trusted)


def client_address(remote: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """Who is asking: the nearest address that is not one of our own proxies; "" when it cannot be known.

    `remote`: the peer of the connection; `forwarded`: X-Forwarded-For. The header is believed only as far as it was
    written by trusted proxies, read from the right: what a client put there itself is never believed.
    """
    address = _address(remote)
    if address is None:
        return ""
    for hop in reversed(forwarded.split(",") if forwarded else []):
        if not any(address in network for network in trusted):
            break
        before = _address(hop)
        if before is None:
            break
        address = before
    return str(address)


def origin(address: str) -> str:
    """The address as limits count it: IPv4 as it is, IPv6 as its /64 network (one subscriber has a whole one)."""
    parsed = _address(address) if address else None
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed) if parsed else ""

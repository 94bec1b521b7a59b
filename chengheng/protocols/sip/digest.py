"""Digest authentication (RFC 2617, RFC 7616): challenge, answer, check; nonces that work once.

A nonce is time + random + HMAC over (time, random, who, where from): nothing is stored until it is used, and then only
until it would have expired. Vendor habits (facts §2 quirk 1): `algorithm=md5` in lower case or missing, qop or none,
a user name other than the From ID.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from chengheng.protocols.sip.chance import token

NONCE_SECONDS = 60.0
MOST_KEPT = 100_000
try:  # the plain MD5 of CPython: a third of the price of OpenSSL's for a hundred bytes
    from _md5 import md5 as _md5
except ImportError:  # pragma: no cover
    _md5 = hashlib.md5
_PAIR = re.compile(r'([A-Za-z][\w-]*)\s*=\s*(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s,"]*))')
_HASHES: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: _md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}


def fields(header: str) -> dict[str, str]:
    """The name=value pairs of a WWW-Authenticate or Authorization value, names in lower case; scheme as "scheme"."""
    scheme, _space, rest = header.strip().partition(" ")
    found = {"scheme": scheme.lower()}
    for name, quoted, plain in _PAIR.findall(rest[:4096]):
        found.setdefault(name.lower(), quoted or plain)
    return found


def algorithm_of(values: dict[str, str]) -> str:
    """ "MD5" or "SHA-256" (either case, MD5 when missing); "" for anything else."""
    name = values.get("algorithm", "MD5").upper() or "MD5"
    return name if name in _HASHES else ""


def ha1(username: str, realm: str, password: str, algorithm: str = "MD5") -> str:
    return _HASHES[algorithm](f"{username}:{realm}:{password}".encode())


def ha2(method: str, uri: str, algorithm: str = "MD5") -> str:
    return _HASHES[algorithm](f"{method}:{uri}".encode())


def response(values: dict[str, str], secret_ha1: str, method: str, algorithm: str, known_ha2: str = "") -> str:
    """The digest for these fields, with or without qop=auth."""
    digest = _HASHES[algorithm]
    public = known_ha2 or ha2(method, values.get("uri", ""), algorithm)
    if values.get("qop"):
        middle = f"{values.get('nonce', '')}:{values.get('nc', '')}:{values.get('cnonce', '')}:{values['qop']}"
    else:
        middle = values.get("nonce", "")
    return digest(f"{secret_ha1}:{middle}:{public}".encode())


def answer(challenge: str, username: str, password: str, method: str, uri: str) -> str:
    """The Authorization value for a challenge; ValueError when its algorithm or scheme is not ours."""
    asked = fields(challenge)
    algorithm = algorithm_of(asked)
    if asked["scheme"] != "digest" or not algorithm:
        raise ValueError(f"cannot answer {asked['scheme']} {asked.get('algorithm', '')}")
    values = {"nonce": asked.get("nonce", ""), "uri": uri}
    if "auth" in [part.strip() for part in asked.get("qop", "").split(",")]:
        values |= {"qop": "auth", "nc": "00000001", "cnonce": secrets.token_hex(8)}
    realm = asked.get("realm", "")
    digest = response(values, ha1(username, realm, password, algorithm), method, algorithm)
    parts = [f'username="{username}"', f'realm="{realm}"', f'nonce="{values["nonce"]}"', f'uri="{uri}"',
             f'response="{digest}"', f"algorithm={algorithm}"]  # fmt: skip
    if asked.get("opaque"):
        parts.append(f'opaque="{asked["opaque"]}"')
    if "qop" in values:
        parts += ["qop=auth", f"nc={values['nc']}", f'cnonce="{values["cnonce"]}"']
    return "Digest " + ", ".join(parts)


class Verdict(Enum):
    """What an Authorization is worth."""

    RIGHT = "right"
    MISSING = "missing"
    STALE = "stale"  # ours but too old, or made for another peer
    REPLAYED = "replayed"  # ours and already used
    FOREIGN = "foreign"  # a nonce that we did not make
    WRONG = "wrong"  # wrong user, realm, address or password
    UNSUPPORTED = "unsupported"


@dataclass
class Guard:
    """Makes challenges and checks answers. One guard per realm; `key` is a secret of the process."""

    realm: str
    key: bytes
    algorithm: str = "MD5"
    nonce_seconds: float = NONCE_SECONDS

    def __post_init__(self) -> None:
        self._used: set[str] = set()
        self._order: deque[tuple[float, str]] = deque()
        self._mac_key = hashlib.sha256(self.key).digest()
        # halves of the digest that do not depend on the nonce; what makes a nonce work once is never kept from here
        self._ha1: dict[tuple[str, str, str], str] = {}
        self._ha2: dict[tuple[str, str, str], str] = {}

    @staticmethod
    def _half(
        kept: dict[tuple[str, str, str], str], make: Callable[[str, str, str], str], parts: tuple[str, str, str]
    ) -> str:
        found = kept.get(parts)
        if found is None:
            if len(kept) >= MOST_KEPT:
                kept.clear()
            found = kept[parts] = make(*parts)
        return found

    def _secret(self, username: str, password: str, algorithm: str) -> str:
        return ha1(username, self.realm, password, algorithm)

    def _nonce(self, stamp: str, salt: str, who: str, where: str) -> str:
        mac = hashlib.blake2b(f"{stamp}:{salt}:{who}:{where}".encode(), key=self._mac_key, digest_size=12).hexdigest()
        return f"{stamp}{salt}{mac}"

    def challenge(self, who: str, where: str, now: float, stale: bool = False) -> str:
        """A WWW-Authenticate value for this peer. Written with algorithm, because Dahua ignores one without."""
        nonce = self._nonce(f"{int(now * 1000) & 0xFFFFFFFFFFFF:012x}", token(6), who, where)
        tail = ", stale=TRUE" if stale else ""
        return f'Digest realm="{self.realm}", algorithm={self.algorithm}, nonce="{nonce}"{tail}'

    def check(
        self,
        header: str,
        method: str,
        who: str,
        where: str,
        username: str,
        password: str,
        now: float,
        known_ha1: str = "",
    ) -> Verdict:
        """Judge one Authorization. A right answer uses its nonce up; `username` is the stored login of the device.

        `known_ha1` instead of a password, where only that is kept: of this guard's own algorithm and realm.
        """
        if not header:
            return Verdict.MISSING
        values = fields(header)
        algorithm = algorithm_of(values)
        if values["scheme"] != "digest" or not algorithm:
            return Verdict.UNSUPPORTED
        nonce = values.get("nonce", "")
        if len(nonce) != 48 or not nonce.isascii():
            return Verdict.FOREIGN
        stamp, salt = nonce[:12], nonce[12:24]
        if not hmac.compare_digest(nonce, self._nonce(stamp, salt, who, where)):
            return Verdict.FOREIGN
        age = now - int(stamp, 16) / 1000
        if not -1 <= age <= self.nonce_seconds:
            return Verdict.STALE
        if nonce in self._used:
            return Verdict.REPLAYED
        if values.get("realm") != self.realm or values.get("username") != username:
            return Verdict.WRONG
        if known_ha1 and algorithm != self.algorithm:
            return Verdict.UNSUPPORTED
        secret = known_ha1 or self._half(self._ha1, self._secret, (username, password, algorithm))
        public = self._half(self._ha2, ha2, (method, values.get("uri", ""), algorithm))
        expected = response(values, secret, method, algorithm, public)
        given = values.get("response", "").lower()
        if not given.isascii() or not hmac.compare_digest(expected, given):
            return Verdict.WRONG
        self._use(nonce, now)
        return Verdict.RIGHT

    def _use(self, nonce: str, now: float) -> None:
        self._used.add(nonce)
        self._order.append((now + self.nonce_seconds + 2, nonce))
        while self._order and self._order[0][0] < now:
            self._used.discard(self._order.popleft()[1])

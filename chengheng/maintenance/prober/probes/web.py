"""HTTP(S): status, content, certificate; and the numbers of exporters."""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime
from typing import Any

import aiohttp

from chengheng.maintenance.prober.probes.answers import Answer, Target
from chengheng.maintenance.rules import conditions
from chengheng.protocols import exposition

LONGEST_PAGE = 262_144
LONGEST_NUMBERS = 8 * 1024 * 1024
CERTIFICATE_DAYS = 7.0


class Web:
    """One session for all; no connection is kept, because an old one says nothing of whether a new one would come."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    def _get(self, target: Target, options: dict[str, Any]) -> Any:
        if self._session is None:
            connector = aiohttp.TCPConnector(force_close=True, limit=0, enable_cleanup_closed=True)
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), response_class=_Response,
                headers={"User-Agent": "chengheng-prober"},
            )  # fmt: skip
        headers = {"Authorization": f"Bearer {options['token']}"} if options.get("token") else None
        return self._session.get(
            target.url, allow_redirects=False, ssl=bool(options.get("verify", True)), headers=headers
        )

    async def page(self, target: Target, options: dict[str, Any]) -> Answer:
        """Good when the status is below 400 (or as asked), the text is there, and the certificate lasts."""
        began = time.perf_counter()
        async with self._get(target, options) as response:
            days = response.certificate_days
            body = await _read(response, LONGEST_PAGE)
            ms = (time.perf_counter() - began) * 1000
            numbers = {"status": float(response.status)} | ({"certificate_days": days} if days is not None else {})
            wanted = options.get("status")
            if response.status != wanted if wanted else response.status >= 400:
                return Answer(False, ms, f"HTTP {response.status}", numbers)
            text = str(options.get("contains", ""))
            if text and text.encode(response.charset or "utf-8", "replace") not in body:
                return Answer(False, ms, f"the page does not hold {text!r}", numbers)
            without = str(options.get("without", ""))
            if without and without.encode(response.charset or "utf-8", "replace") in body:
                return Answer(False, ms, f"the page holds {without!r}", numbers)
            if days is not None and days < float(options.get("certificate_days", CERTIFICATE_DAYS)):
                return Answer(False, ms, f"the certificate ends in {days:.1f} days", numbers)
            return Answer(True, ms, "", numbers)

    async def metrics(self, target: Target, options: dict[str, Any]) -> Answer:
        """Good when the page holds samples and all conditions (`must`) hold of them."""
        began = time.perf_counter()
        async with self._get(target, options) as response:
            body = await _read(response, LONGEST_NUMBERS)
            ms = (time.perf_counter() - began) * 1000
            if response.status != 200:
                return Answer(False, ms, f"HTTP {response.status}")
        text = body.decode("utf-8", "replace")
        try:
            found = list(exposition.samples(text, conditions.names(target.must)))
        except exposition.ExpositionError as error:
            return Answer(False, ms, f"not a number: {error}"[:160])
        if not target.must and "# TYPE " not in text:
            return Answer(False, ms, "no numbers there")
        numbers: dict[str, float] = {}
        for sample in found[:100]:
            numbers[sample.name] = max(numbers.get(sample.name, sample.value), sample.value)
        words = conditions.broken(target.must, found)
        return Answer(not words, ms, words[:160], numbers)


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    parts, size = [], 0
    while size < most and (part := await response.content.read(min(65_536, most - size))):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


class _Response(aiohttp.ClientResponse):
    """Looks at the certificate while the connection is there: a short page is read to its end with its head."""

    certificate_days: float | None = None

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        found = connection.transport.get_extra_info("ssl_object") if connection.transport else None
        if found is not None:
            self.certificate_days = _certificate_days(found)
        return await super().start(connection)


def _certificate_days(found: Any) -> float | None:
    """Days until the server's certificate ends, whether it was verified or not."""
    told = found.getpeercert()
    if told and "notAfter" in told:
        ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(told["notAfter"]), UTC)
    else:
        from cryptography import x509

        raw = found.getpeercert(binary_form=True)
        if not raw:
            return None
        ends = x509.load_der_x509_certificate(raw).not_valid_after_utc
    return (ends - datetime.now(UTC)).total_seconds() / 86400

"""Every probe's result to a Prometheus remote write receiver (Prometheus, VictoriaMetrics, Mimir …), for graphs elsewhere.

Rates and faults never depend on it: what counts are the spans in our own database. A receiver that does not answer gets
the results later; beyond `MOST` results the oldest are dropped, and the log says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any

import aiohttp
import cramjam
from django.conf import settings

from chengheng.maintenance.prober.engine import Engine
from chengheng.protocols import remotewrite

log = logging.getLogger(__name__)
EVERY = 15.0
AT_A_TIME = 5_000
MOST = 200_000
UP, SECONDS = "chengheng_probe_success", "chengheng_probe_duration_seconds"


class RemoteWrite:
    """Takes the engine's results and sends them in order."""

    def __init__(self, engine: Engine, url: str, token: str = "") -> None:
        self._engine, self._url = engine, url
        self._headers = dict(remotewrite.HEADERS, **({"Authorization": f"Bearer {token}"} if token else {}))
        self._results: deque[Any] = deque(maxlen=MOST)
        engine.results = self._results
        self.sent = self.refused = 0

    @classmethod
    def of_site(cls, engine: Engine) -> RemoteWrite | None:
        """As the site's settings say; None when they name no receiver."""
        url = settings.REMOTE_WRITE_URL
        return cls(engine, url, settings.REMOTE_WRITE_TOKEN) if url else None

    async def run(self) -> None:
        """Send for ever."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
            while True:
                await asyncio.sleep(EVERY)
                while self._results and await self.push(session):
                    pass

    async def push(self, session: aiohttp.ClientSession) -> bool:
        """Send one batch; False when the receiver could not take it now (it stays). What it will never take is dropped."""
        if len(self._results) == MOST:
            log.warning("the remote write receiver is behind: the oldest results were dropped")
        batch = [self._results[at] for at in range(min(AT_A_TIME, len(self._results)))]
        body = bytes(cramjam.snappy.compress_raw(self._body(batch)))
        try:
            async with session.post(self._url, data=body, headers=self._headers, allow_redirects=False) as answer:
                said = (await answer.content.read(200)).decode("utf-8", "replace")
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("the remote write receiver does not answer: %s", error or type(error).__name__)
            return False
        if status >= 500 or status == 429:
            log.warning("the remote write receiver answered %s %s; again in %.0f s", status, said, EVERY)
            return False
        if status >= 300:  # the specification: 4xx is never tried again
            log.error("the remote write receiver refuses what we send: %s %s", status, said)
            self.refused += len(batch)
        else:
            self.sent += len(batch)
        for _each in batch:
            if not self._results or self._results[0] is not _each:
                break  # it was dropped meanwhile
            self._results.popleft()
        return True

    def _body(self, batch: list[Any]) -> bytes:
        good: dict[int, list[tuple[int, float]]] = {}
        times: dict[int, list[tuple[int, float]]] = {}
        for pk, at, ok, ms in batch:
            moment = int(at.timestamp() * 1000)
            good.setdefault(pk, []).append((moment, float(ok)))
            if ms is not None:
                times.setdefault(pk, []).append((moment, ms / 1000))
        series: list[remotewrite.Series] = []
        for name, found in ((UP, good), (SECONDS, times)):
            for pk, points in found.items():
                watch = self._engine.watches.get(pk)
                if watch is not None:
                    series.append(({"__name__": name, **watch.labels}, points))
        return remotewrite.write_request(series)

"""All kinds of probes behind one door."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import aiohttp

from chengheng.maintenance.prober.probes import talks
from chengheng.maintenance.prober.probes.answers import LONGEST_TEXT, Answer, Done, Target
from chengheng.maintenance.prober.probes.icmp import NoPing, Pinger
from chengheng.maintenance.prober.probes.tcp import Connector
from chengheng.maintenance.prober.probes.web import Web

_FAULTS = (OSError, ssl.SSLError, aiohttp.ClientError, ValueError, RuntimeError, LookupError)
_TALKS: dict[str, Callable[..., Any]] = {
    "sip": talks.sip_options, "rtsp": talks.rtsp_ask, "ntp": talks.ntp_ask, "database": talks.database,
}  # fmt: skip


class Prober:
    """Asks targets; holds what probes share (the ICMP socket, the HTTP session). Made within the running loop."""

    def __init__(self) -> None:
        self._pingers: dict[bool, Pinger | NoPing] = {}
        self._connector = Connector()
        self._web = Web()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def talking(self) -> int:
        """Probes under way that have a task of their own."""
        return len(self._tasks)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for pinger in self._pingers.values():
            if isinstance(pinger, Pinger):
                pinger.close()
        self._connector.close()
        await self._web.close()

    def start(self, target: Target, options: dict[str, Any], timeout: float, done: Done) -> None:
        """One probe; `done` is called once, within the timeout (and a tick)."""
        if target.address and target.kind == "icmp":
            self._ping(target.address, timeout, done)
        elif target.address and target.kind == "tcp":
            self._connector.connect(target.address, target.port, timeout, done)
        else:
            task = asyncio.get_running_loop().create_task(self._talk(target, options, timeout, done))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _ping(self, address: str, timeout: float, done: Done) -> None:
        """An echo by the family of the address; its socket is made with the first."""
        six = ":" in address
        pinger = self._pingers.get(six)
        if pinger is None:
            try:
                pinger = Pinger(socket.AF_INET6 if six else socket.AF_INET)
            except NoPing as error:
                pinger = error
            self._pingers[six] = pinger
        if isinstance(pinger, Pinger):
            pinger.send(address, timeout, done)
        else:
            done(Answer(False, None, f"ICMP is not permitted here: {pinger}"[:LONGEST_TEXT]))

    async def ask(self, target: Target, options: dict[str, Any], timeout: float) -> Answer:
        """As `start`, for those who wait."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.start(target, options, timeout, lambda answer: None if future.done() else future.set_result(answer))
        return await future

    async def _talk(self, target: Target, options: dict[str, Any], timeout: float, done: Done) -> None:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(timeout):
                answer = await self._found(target, options, timeout, began)
        except TimeoutError:
            answer = Answer(False, None, f"no answer within {timeout:g} s")
        except _FAULTS as error:
            answer = Answer(False, None, (str(error) or type(error).__name__)[:LONGEST_TEXT])
        done(answer)

    async def _found(self, target: Target, options: dict[str, Any], timeout: float, began: float) -> Answer:
        if target.kind == "http":
            return await self._web.page(target, options)
        if target.kind == "metrics":
            return await self._web.metrics(target, options)
        address = target.address or await talks.address_of(target.host)
        if target.kind == "snmp":
            return await talks.snmp(target, address, options, timeout)
        if target.kind in _TALKS:
            answer: Answer = await _TALKS[target.kind](target, address, options)
            return answer
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def found(answer: Answer) -> None:
            if not future.done():
                future.set_result(answer)

        left = max(timeout - (time.perf_counter() - began), 0.01)
        if target.kind == "tcp":
            self._connector.connect(address, target.port, left, found)
        else:
            self._ping(address, left, found)
        return await future

"""The one connection to Janus: made again as soon as it is lost; who waits for an answer then is told so at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import aiohttp

from chengheng.protocols.janus.messages import Answer, Client, Garbled, Told

log = logging.getLogger("chengheng.conference")
ANSWER_SECONDS = 8.0
KEEPALIVE_SECONDS = 20.0
AGAIN_SECONDS = (0.1, 1.0)
"""Between tries: at first, and at most. An engine that was just killed is back within a second."""


class EngineLost(Exception):
    """The engine does not answer (any more)."""


class EngineRefused(Exception):
    """The engine said no."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.code} {answer.reason}")
        self.code = answer.code


class Janus:
    """`up` while a session stands; `epoch` counts sessions, so that nobody uses a handle of a lost one."""

    def __init__(self, port: int, secret: str) -> None:
        self.port, self.secret = port, secret
        self.client = Client(secret)
        self.epoch = 0
        self.up = False
        self.changed: list[Callable[[], None]] = []
        self.handlers: dict[int, Callable[[Told], None]] = {}
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._acknowledged = 0.0

    async def run(self) -> None:
        """Stay connected for the life of the process."""
        wait = AGAIN_SECONDS[0]
        async with aiohttp.ClientSession() as http:
            while True:
                try:
                    await self._connected(http)
                except (aiohttp.ClientError, OSError, EngineLost, EngineRefused, Garbled, TimeoutError) as error:
                    if self.up:
                        log.warning("the media engine is gone: %s", error)
                wait = AGAIN_SECONDS[0] if self.up else min(wait * 1.2, AGAIN_SECONDS[1])
                self._lost()
                await asyncio.sleep(wait)

    async def _connected(self, http: aiohttp.ClientSession) -> None:
        # no heartbeat of our own: libwebsockets answers pings wrongly while it sends its own
        async with http.ws_connect(
            f"http://127.0.0.1:{self.port}/", protocols=["janus-protocol"], max_msg_size=0, compress=0
        ) as socket:
            self.client = Client(self.secret)
            self._socket = socket
            reader = asyncio.create_task(self._read(socket))
            try:
                await self.ask(self.client.create())
                self.epoch += 1
                self.up = True
                log.info("the media engine is here (session %s)", self.epoch)
                self._tell()
                while not reader.done():
                    await asyncio.wait({reader}, timeout=KEEPALIVE_SECONDS)
                    if not reader.done():
                        await socket.send_str(self.client.keepalive()[1])
                reader.result()
            finally:
                reader.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await reader
                self._socket = None

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            came = self.client.receive(message.data)
            if isinstance(came, Answer):
                waiting = self._waiting.pop(came.transaction, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(came)
            elif isinstance(came, Told):
                if came.kind == "timeout":
                    raise EngineLost("the session timed out")
                handler = self.handlers.get(came.handle)
                if handler is not None:
                    handler(came)
        raise EngineLost("the connection was closed")

    def _lost(self) -> None:
        was, self.up = self.up, False
        self.handlers.clear()
        waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            if not one.done():
                one.set_exception(EngineLost())
        if was:
            self._tell()

    def _tell(self) -> None:
        for changed in list(self.changed):
            changed()

    async def ask(self, request: tuple[str, str]) -> Answer:
        """Send a request and wait for its answer. Raises EngineLost, EngineRefused."""
        transaction, text = request
        if self._socket is None or self._socket.closed:
            raise EngineLost
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[transaction] = future
        try:
            await self._socket.send_str(text)
            answer = await asyncio.wait_for(future, ANSWER_SECONDS)
        except (TimeoutError, ConnectionError, aiohttp.ClientError) as error:
            raise EngineLost(str(error)) from error
        finally:
            self._waiting.pop(transaction, None)
            self.client.forget(transaction)
        if answer.code:
            raise EngineRefused(answer)
        return answer

    async def attach(self, opaque: str, handler: Callable[[Told], None], plugin: str = "videoroom") -> int:
        """A handle at a plugin; what it tells goes to `handler`."""
        answer = await self.ask(self.client.attach(plugin, opaque))
        handle = int(answer.data["id"])
        self.handlers[handle] = handler
        return handle

    async def message(self, handle: int, body: dict[str, Any], jsep: dict[str, Any] | None = None) -> Answer:
        return await self.ask(self.client.message(handle, body, jsep))

    async def send(self, request: tuple[str, str]) -> None:
        """Send without waiting; an engine that is gone needs it no more."""
        if self._socket is not None and not self._socket.closed:
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                await self._socket.send_str(request[1])

    async def detach(self, handle: int) -> None:
        self.handlers.pop(handle, None)
        await self.send(self.client.detach(handle))

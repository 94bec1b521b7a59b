"""Real servers on this machine for the tests: an HTTP receiver that checks signatures as the makers do, an SMTP sink."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SECRET = "SEC-of-the-test"


@dataclass
class Receiver:
    """What came in, and what to answer: `answers` is used up from the front, then the kind's own good answer."""

    port: int = 0
    calls: list[dict[str, Any]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    hold: float = 0.0
    came: threading.Event = field(default_factory=threading.Event)

    def url(self, kind: str) -> str:
        return f"http://127.0.0.1:{self.port}/{kind}?access_token=abc"

    @property
    def kept(self) -> dict[str, dict[str, Any]]:
        """What a receiver keeps that knows repetitions by their key."""
        return {call["headers"]["Idempotency-Key"]: call["json"] for call in self.calls}


def _judge(kind: str, query: dict[str, list[str]], headers: dict[str, str], body: bytes) -> bytes:
    """The answer of DingTalk, Feishu, WeCom or our own webhook, after checking the signature in their way."""
    data = json.loads(body)
    if kind == "dingtalk":
        stamp = query["timestamp"][0]
        want = base64.b64encode(
            hmac.new(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256).digest()
        ).decode()
        good = query["sign"][0] == want and abs(int(stamp) / 1000 - time.time()) < 3600 and data["msgtype"] == "text"
        return b'{"errcode":0,"errmsg":"ok"}' if good else b'{"errcode":310000,"errmsg":"sign not match"}'
    if kind == "feishu":
        stamp = data["timestamp"]
        want = base64.b64encode(hmac.new(f"{stamp}\n{SECRET}".encode(), digestmod=hashlib.sha256).digest()).decode()
        good = data["sign"] == want and data["msg_type"] == "text"
        return b'{"code":0,"msg":"success","data":{}}' if good else b'{"code":19021,"msg":"sign match fail"}'
    if kind == "wecom":
        good = data["msgtype"] == "text" and len(data["text"]["content"].encode()) <= 2048
        return b'{"errcode":0,"errmsg":"ok"}' if good else b'{"errcode":40008,"errmsg":"invalid message type"}'
    stamp = headers["X-Chengheng-Timestamp"]
    want = "v1=" + hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["X-Chengheng-Signature"] == want
    return b'{"code":"0"}'


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver on a free port for the time of the block."""
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            parts = urlsplit(self.path)
            headers = dict(self.headers.items())
            state.calls.append({"kind": parts.path[1:], "headers": headers, "json": json.loads(body)})
            state.came.set()
            if state.hold:
                time.sleep(state.hold)
            if state.answers:
                status, more, answer = state.answers.pop(0)
            else:
                status, more, answer = 200, {}, _judge(parts.path[1:], parse_qs(parts.query), headers, body)
            try:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(answer)), **more}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)
            except (BrokenPipeError, ConnectionResetError):
                pass

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Sink:
    """A mail server that keeps what it gets. `refuse`: the answer to RCPT instead of 250."""

    port: int = 0
    mails: list[str] = field(default_factory=list)
    refuse: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        await say("220 sink ESMTP")
        while line := (await reader.readline()).decode("ascii", "replace").strip():
            verb = line.split(" ")[0].upper()
            if verb == "EHLO":
                await say("250-sink")
                await say("250 8BITMIME")
            elif verb == "RCPT" and self.refuse:
                await say(self.refuse)
            elif verb == "DATA":
                await say("354 go on")
                lines = []
                while (text := (await reader.readline()).decode("utf-8", "replace").rstrip("\r\n")) != ".":
                    lines.append(text.removeprefix("."))
                self.mails.append("\n".join(lines))
                await say("250 kept")
            elif verb == "QUIT":
                await say("221 bye")
                break
            else:
                await say("250 ok")
        writer.close()


@contextmanager
def sink() -> Iterator[Sink]:
    """A mail server on a free port for the time of the block."""
    state, ready = Sink(), threading.Event()
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    async def run() -> None:
        server = await asyncio.start_server(state.serve, "127.0.0.1", 0)
        state.port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    ready.wait(5)
    try:
        yield state
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()

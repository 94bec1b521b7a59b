"""Sites on loopback for tests: good feeds, hostile feeds, a site that changes while one looks."""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from chengheng.opinion.collect.fetcher import Caps, Fetcher
from chengheng.opinion.collector import Collector


def rss(*entries: tuple[str, str, datetime], encoding: str = "utf-8") -> bytes:
    """A feed of (title, text, time)."""
    items = "".join(
        f"<item><title>{escape(title)}</title><link>http://news.example.com/{number}</link><guid>{escape(title)}</guid>"
        f"<pubDate>{format_datetime(when)}</pubDate><description>{escape(body)}</description></item>"
        for number, (title, body, when) in enumerate(entries)
    )
    return f'<?xml version="1.0" encoding="{encoding}"?><rss version="2.0"><channel>{items}</channel></rss>'.encode(
        encoding
    )


@dataclass
class Site:
    """Paths and what they answer: bytes, or (status, headers, bytes), or a name of mischief."""

    root: str = ""
    paths: dict[str, object] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@contextmanager
def site() -> Iterator[Site]:
    state = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            answer = state.paths.get(self.path)
            if answer is None:
                self.send_error(404)
            elif answer == "drip":
                self.send_response(200)
                self.end_headers()
                for _ in range(200):
                    try:
                        self.wfile.write(b"<")
                        self.wfile.flush()
                    except OSError:
                        return
                    time.sleep(0.05)
            elif answer == "endless":
                self.send_response(200)
                self.end_headers()
                try:
                    for _ in range(60):
                        self.wfile.write(b"x" * 1_000_000)
                except OSError:
                    return
            elif answer == "bomb":
                body = gzip.compress(b"\0" * 30_000_000)
                self.send_response(200)
                self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            else:
                status, headers, body = answer if isinstance(answer, tuple) else (200, {}, answer)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.root = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def collect_once(seconds: float = 5.0) -> int:
    """Read every due source once, loopback allowed by the constructor; in a thread of its own (Playwright holds one)."""
    found: list[int] = []
    problems: list[BaseException] = []

    def run() -> None:
        try:
            collector = Collector(Fetcher(Caps(seconds=seconds), inside=True), gap=0.0)
            found.append(asyncio.run(collector.once()))
        except BaseException as problem:
            problems.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
    return found[0]

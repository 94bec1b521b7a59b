"""A platform with its store in memory, and cameras that register at it. No database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest

from chengheng.video.camera.device import Camera, CameraChannel, Faults
from chengheng.video.live.platform import Entry, Platform, Settings

PLATFORM_ID = "12010000002000000001"
DEVICE = "12010000001320000001"
CHANNEL = "12010000001310000001"


class MemoryStore:
    """Remembers what it is told."""

    def __init__(self, *entries: Entry) -> None:
        self.entries = list(entries)
        self.turned: list[tuple[int, bool, str]] = []
        self.catalogs: list[tuple[int, list[Any], bool, int | None, bool]] = []
        self.infos: list[Any] = []
        self.alarms: list[Any] = []
        self.places: list[Any] = []
        self.calls: dict[str, Any] = {}
        self.writes = 0
        self.subscribed: list[tuple[int, str, str, str]] = []
        self.noticed: dict[tuple[int, str], int] = {}

    async def devices(self, changed_since: datetime | None) -> list[Entry]:
        return self.entries if changed_since is None else []

    async def presence(self, entries: list[Entry], turned: list[Any]) -> None:
        self.writes += 1
        self.turned += [(pk, online, reason) for pk, online, _at, reason in turned]

    async def device_info(self, pk: int, info: Any, edition: int | None) -> None:
        self.infos.append((pk, info, edition))

    async def catalog(self, pk: int, items: list[Any], complete: bool, total: int | None, whole: bool) -> None:
        self.catalogs.append((pk, items, complete, total, whole))

    async def alarm(self, pk: int, alarm: Any) -> None:
        self.alarms.append(alarm)

    async def positions(self, pk: int, found: list[Any]) -> None:
        self.places += found

    async def subscription(self, pk: int, subject: str, state: str, until: float, detail: str) -> None:
        self.subscribed.append((pk, subject, state, detail))

    async def notices(self, rows: list[tuple[int, str, int, float]]) -> None:
        for pk, subject, count, _at in rows:
            self.noticed[pk, subject] = self.noticed.get((pk, subject), 0) + count

    async def call_began(self, call: Any) -> None:
        self.calls[call.id] = call

    async def call_changed(self, call: Any) -> None:
        self.calls[call.id] = call

    async def talk_began(self, talk: Any) -> None:
        self.calls[talk.id] = talk

    async def talk_ended(self, talk: Any) -> None:
        self.calls[talk.id] = talk

    async def registration_refused(self, pk: int, failures: int, locked_until: float) -> None:
        self.refused = (pk, failures, locked_until)


def entry(number: int = 1, **more: Any) -> Entry:
    more.setdefault("password", "secret-1")
    gb_id = f"1201000000132{number:07d}"
    return Entry(pk=number, gb_id=gb_id, login=gb_id, **more)


@asynccontextmanager
async def platform(*entries: Entry, **more: Any):
    store = MemoryStore(*entries)
    more.setdefault("media_first", 41000)
    more.setdefault("media_last", 41998)
    found = Platform(Settings(PLATFORM_ID, "1201000000", "127.0.0.1", 0, **more), store)
    await found.start()
    try:
        yield found
    finally:
        await found.stop()


@asynccontextmanager
async def camera(at: Platform, number: int = 1, channels: int = 1, **more: Any):
    more.setdefault("width", 640)
    more.setdefault("height", 368)
    more.setdefault("fps", 10)
    more.setdefault("gop", 10)
    more.setdefault("keepalive_s", 1.0)
    password = more.pop("password", "secret-1")
    faults = more.pop("faults", None) or Faults()
    found = Camera(
        f"1201000000132{number:07d}", password, ("127.0.0.1", at.node.port), PLATFORM_ID,
        [CameraChannel(f"1201000000131{number * 100 + index:07d}", f"路口{index}", 117.2, 39.1) for index in range(channels)],
        faults=faults, **more,
    )  # fmt: skip
    await found.start()
    try:
        yield found
    finally:
        await found.stop(unregister=False)


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Wait for something to become true."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not (found := condition()):
        assert loop.time() < end, "it did not happen in time"
        await asyncio.sleep(0.02)
    return found


@pytest.fixture
def site(transactional_db: None, settings: Any) -> Any:
    """The live process's application beside the test, on free ports."""
    from .live_site import LiveSite

    with LiveSite(settings) as found:
        yield found


@pytest.fixture
def engineer(transactional_db: None) -> Any:
    from tests.builders import holder

    return holder("video.engineer")


@pytest.fixture
def operator(transactional_db: None) -> Any:
    from tests.builders import holder

    return holder("video.operator")


@pytest.fixture
def device(engineer: Any) -> tuple[Any, str]:
    """A device and its password."""
    from chengheng.video import actions

    return actions.add_device(engineer, DEVICE, "解放北路枪机", engineer.organisation)

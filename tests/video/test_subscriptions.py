"""Subscriptions (GB/T 28181-2022 9.11) both ways, over real SIP: what devices tell us, what we tell a platform above."""

from __future__ import annotations

import asyncio
import time

import pytest

from chengheng.protocols.gb28181 import manscdp
from chengheng.video import rules
from chengheng.video.camera.device import Faults
from chengheng.video.live.upstream import changes

from .conftest import camera, entry, platform, until
from .test_cascade import MAPPED, Cascade
from .test_platform import run

ALL = frozenset({"Catalog", "Alarm", "MobilePosition"})


def events(at) -> list[tuple[str, str]]:
    return [(item.id, item.event) for _pk, items, *_rest in at.store.catalogs for item in items if item.event]


class TestAtADevice:
    def test_what_is_wanted_is_subscribed_to_and_its_notices_are_taken(self):
        async def work():
            async with platform(entry(1, wants=ALL, position_s=1)) as at, camera(at, mobile=True) as device:
                held = await until(lambda: at.entries.get(device.gb_id))
                await until(lambda: len(held.subscriptions) == 3)  # its answers were heard, too
                assert {subject: item.interval_s for subject, item in held.subscriptions.items()} == dict.fromkeys(
                    ALL, 1
                )
                assert {row[1:3] for row in at.store.subscribed} == {(subject, "active") for subject in ALL}
                channel = next(iter(device.channels))
                for event in ("OFF", "ON", "VLOST", "DEFECT", "ADD", "UPDATE", "DEL"):
                    assert await device.catalog_event(channel, event) == 200
                await until(lambda: len(events(at)) == 7)
                assert [event for _id, event in events(at)] == ["OFF", "ON", "VLOST", "DEFECT", "ADD", "UPDATE", "DEL"]
                assert await device.alarm(channel) == 200
                await until(lambda: at.store.alarms and len(at.store.places) >= 2, 6)
                await at.subscriptions.look()
                assert at.store.noticed[1, "Catalog"] == 7
                assert at.store.noticed[1, "Alarm"] == 1
                assert at.store.noticed[1, "MobilePosition"] >= 2

        run(work())

    def test_the_wire_says_what_the_standard_wants(self):
        async def work():
            seen: list[bytes] = []
            async with platform(entry(1, wants=ALL, position_s=7)) as at:
                at.node.trace = lambda direction, peer, data: seen.append(data) if direction == "out" else None
                async with camera(at) as device:
                    await until(lambda: len(device.subscriptions) == 3)
            asked = {
                manscdp.read(data.partition(b"\r\n\r\n")[2]).name: data
                for data in seen
                if data.startswith(b"SUBSCRIBE")
            }
            assert set(asked) == ALL
            assert b"Event: Catalog\r\n" in asked["Catalog"]
            assert b"Event: presence\r\n" in asked["Alarm"]
            assert b"Event: presence\r\n" in asked["MobilePosition"]
            assert b"<Interval>7</Interval>" in asked["MobilePosition"]
            assert all(b"Expires: 3600\r\n" in data for data in asked.values())

        run(work())

    def test_it_is_refreshed_in_its_dialog_before_it_ends(self, monkeypatch):
        monkeypatch.setattr(rules, "REFRESH_SHARE", 0.1)

        async def work():
            async with platform(entry(1)) as at, camera(at, faults=Faults(short_subscribe=4)) as device:
                await until(lambda: "Catalog" in device.subscriptions)
                first = device.subscriptions["Catalog"]
                before = first.until
                await until(lambda: first.refreshed >= 2, 12)
                assert device.subscriptions["Catalog"] is first
                assert first.until > before

        run(work())

    def test_a_device_that_forgot_it_is_asked_from_the_beginning(self, monkeypatch):
        monkeypatch.setattr(rules, "REFRESH_SHARE", 0.1)
        faults = Faults(short_subscribe=4)

        async def work():
            async with platform(entry(1)) as at, camera(at, faults=faults) as device:
                first = await until(lambda: device.subscriptions.get("Catalog"))
                faults.forgetful = True
                await until(lambda: device.subscriptions.get("Catalog") not in (None, first), 12)

        run(work())

    def test_a_refusal_is_kept_and_asked_again_after_the_next_registration(self):
        faults = Faults(refuse_subscribe=489)

        async def work():
            async with platform(entry(1)) as at, camera(at, faults=faults) as device:
                await until(lambda: at.store.subscribed)
                assert at.store.subscribed == [(1, "Catalog", "refused", "489 Bad Event")]
                at.entries[device.gb_id].due_at = 0.0
                await asyncio.sleep(2.5)
                assert len(at.store.subscribed) == 1, "a device that said no is left alone"
                faults.refuse_subscribe = 0
                await device.register(0)
                await device.register(3600)
                await until(lambda: device.subscriptions)
                assert at.store.subscribed[-1][2] == "active"

        run(work())

    def test_another_call_id_of_the_registration_means_that_it_has_restarted(self):
        async def work():
            async with platform(entry(1)) as at, camera(at) as device:
                first = await until(lambda: device.subscriptions.get("Catalog"))
                await until(lambda: at.entries[device.gb_id].subscriptions)
                assert await device.register(3600) == 200  # a refresh changes nothing
                device.subscriptions.clear()
                device._call_id = "another@127.0.0.1"
                assert await device.register(3600) == 200
                assert await until(lambda: device.subscriptions.get("Catalog"), 8) is not first

        run(work())

    def test_what_is_no_longer_wanted_is_ended_and_its_notices_are_refused(self):
        async def work():
            async with platform(entry(1)) as at, camera(at) as device:
                await until(lambda: device.subscriptions.get("Catalog") and at.entries[device.gb_id].subscriptions)
                kept = device.subscriptions["Catalog"]
                held = at.entries[device.gb_id]
                held.wants = frozenset()
                await at.subscriptions.settle(held)
                await until(lambda: not device.subscriptions)
                assert at.store.subscribed[-1][1:3] == ("Catalog", "ended")
                device.subscriptions["Catalog"] = kept  # it goes on although it was told
                assert await device.catalog_event(next(iter(device.channels)), "OFF") == 481
                assert not events(at)

        run(work())

    @pytest.mark.parametrize(
        ("reason", "again"), [("terminated;reason=timeout", True), ("terminated;reason=rejected", False)]
    )
    def test_the_device_may_end_it(self, reason: str, again: bool, monkeypatch):
        monkeypatch.setattr("chengheng.video.live.subscriptions.AGAIN_SECONDS", 0.5)

        async def work():
            async with platform(entry(1)) as at, camera(at) as device:
                await until(lambda: device.subscriptions and at.entries[device.gb_id].subscriptions)
                assert await device.notify("Catalog", b"", reason) == 200
                await until(lambda: at.store.subscribed[-1][2] == "terminated")
                assert at.store.subscribed[-1][3] == reason
                if again:
                    await until(lambda: at.store.subscribed[-1][2] == "active", 8)
                else:
                    await asyncio.sleep(3)
                    assert at.store.subscribed[-1][2] == "terminated"

        run(work())

    def test_a_notice_may_shorten_what_was_granted(self):
        async def work():
            async with platform(entry(1)) as at, camera(at) as device:
                await until(lambda: device.subscriptions and at.entries[device.gb_id].subscriptions)
                device.subscriptions["Catalog"].until = time.time() + 61
                await device.catalog_event(next(iter(device.channels)), "ON")
                held = at.entries[device.gb_id].subscriptions["Catalog"]
                assert held.until - time.time() < 62
                assert held.refresh_at - time.time() < 50

        run(work())


class TestForAPlatformAbove:
    def test_a_camera_that_goes_off_below_is_seen_off_above_within_seconds(self):
        async def work():
            async with Cascade() as two:
                await until(lambda: "Catalog" in two.below.subscriptions)
                channel = next(iter(two.camera.channels))
                await until(lambda: "Catalog" in two.camera.subscriptions)
                for event in ("OFF", "ON", "VLOST", "ON"):
                    seen, began = len(events(two.upper)), time.monotonic()
                    assert await two.camera.catalog_event(channel, event) == 200
                    await until(lambda seen=seen: len(events(two.upper)) > seen, 5)
                    assert events(two.upper)[seen:] == [(MAPPED, event)]
                    print(f"{event} below to above: {(time.monotonic() - began) * 1000:.0f} ms")
                    assert time.monotonic() - began < 3
                await two.camera.catalog_event(list(two.camera.channels)[1], "OFF")
                await asyncio.sleep(0.6)
                assert {name for name, _event in events(two.upper)} == {MAPPED}, "what is not shared is not told"

        run(work())

    @pytest.mark.parametrize("transport", ["udp", "tcp"])
    def test_a_device_that_leaves_takes_its_cameras_off_above(self, transport: str):
        async def work():
            async with Cascade(transport=transport) as two:
                await until(lambda: "Catalog" in two.below.subscriptions)
                await two.camera.register(0)
                await until(lambda: events(two.upper), 5)
                assert events(two.upper)[0] == (MAPPED, "OFF")
                await two.camera.register(3600)
                await until(lambda: events(two.upper)[-1] == (MAPPED, "ON"), 5)

        run(work())

    def test_what_is_shared_and_unshared_is_told(self):
        async def work():
            async with Cascade() as two:
                await until(lambda: "Catalog" in two.below.subscriptions)
                (shared,) = two.above.shares.values()
                other = "12010100001310000778"
                more = {**two.above.shares, other: type(shared)(
                    other, 8, list(two.camera.channels)[1], 1, manscdp.CatalogItem(other, "内滩", status="ON")
                )}  # fmt: skip
                await two.upwards.reload([_with(two.above, more)])
                await until(lambda: (other, "ADD") in events(two.upper), 5)
                await two.upwards.reload([_with(two.above, {other: more[other]})])
                await until(lambda: (MAPPED, "DEL") in events(two.upper), 5)

        run(work())

    def test_positions_and_alarms_go_up_under_the_mapped_id(self):
        async def work():
            async with Cascade() as two:
                two.below.wants, two.below.position_s, two.below.due_at = ALL, 1, 0.0
                registration = two.upwards.registrations[1]
                await until(lambda: set(registration.subscriptions) == ALL, 8)
                first, hidden = two.camera.channels
                await two.camera.position(117.25, 39.12)
                await two.camera.position(117.26, 39.13)  # sooner than was asked for
                await until(lambda: two.upper.store.places, 5)
                await two.camera.alarm(hidden)
                await two.camera.alarm(first, text="遮挡")
                await until(lambda: two.upper.store.alarms, 5)
                assert [(item.device_id, item.lon) for item in two.upper.store.places] == [(MAPPED, 117.25)]
                assert [(item.device_id, item.description) for item in two.upper.store.alarms] == [(MAPPED, "遮挡")]
                two.below.wants = frozenset()
                await two.upper.subscriptions.settle(two.below)
                assert not registration.subscriptions

        run(work())

    def test_what_makes_no_sense_is_refused(self):
        async def work():
            async with Cascade() as two:
                await until(lambda: "Catalog" in two.below.subscriptions)
                for body, expires, status in (
                    (manscdp.query("PTZPosition", 1, two.below.gb_id), "600", 489),
                    (manscdp.query("Catalog", 1, list(two.camera.channels)[1]), "600", 404),
                    (manscdp.query("Catalog", 1, two.below.gb_id), "0", 481),
                    (b"<Query>", "600", 400),
                ):
                    message, peer = two.upper._new(
                        "SUBSCRIBE", two.below, two.below.gb_id, body, event="Catalog", expires=expires
                    )
                    assert (await two.upper.node.request(message, peer, 5)).status == status
                assert set(two.upwards.registrations[1].subscriptions) == {"Catalog"}

        run(work())


def _with(above, shares):
    from dataclasses import replace

    return replace(above, shares=shares)


def test_changes_lead_from_one_catalog_to_the_other():
    def item(name: str, status: str = "ON", **more) -> manscdp.CatalogItem:
        return manscdp.CatalogItem(name, more.pop("title", "x"), status=status, **more)

    before = {"a": item("a"), "b": item("b"), "c": item("c", "OFF"), "d": item("d")}
    after = {"a": item("a", "VLOST"), "c": item("c"), "d": item("d", title="y", lon=1.0), "e": item("e", "OFF")}
    assert [(found.id, found.event, found.status) for found in changes(before, after)] == [
        ("b", "DEL", "ON"), ("a", "VLOST", "OFF"), ("c", "ON", "ON"), ("d", "UPDATE", "ON"), ("e", "ADD", "OFF"),
        ("e", "OFF", "OFF"),
    ]  # fmt: skip
    assert not changes(after, after)


def test_what_is_granted_and_when_it_is_refreshed():
    assert [rules.granted_subscription(asked) for asked in (None, 0, 5, 600, 10**9)] == [600, 0, 60, 600, 86_400]
    assert rules.refresh_after(3600) == 2520
    assert 0 < rules.refresh_after(4) < 4

"""What other systems say of their things, and alerts of other monitoring systems: exact outages, one fault, no noise."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chengheng.common import health
from chengheng.common.people.access import SYSTEM
from chengheng.maintenance import actions, queries
from chengheng.maintenance.models import Check, Device, Fault, Span
from chengheng.maintenance.prober import process
from tests.maintenance.test_faults import at, change

KEY = "video:34020000001320000001"


@pytest.fixture
def camera(place):
    Device.objects.filter(pk=place.device.pk).update(outside=KEY)
    return place.device


def hear(camera, ok, hours, now=None, text="offline"):
    return actions.hear_of(
        camera, KEY, ok=ok, at=at(hours), text=text, hold_s=120, now=at(hours if now is None else now)
    )


def test_a_report_of_long_ago_becomes_an_outage_and_a_fault(camera):
    health.report(KEY, ok=False, at=at(0), text="offline")
    health.report(KEY, ok=False, at=at(1), text="offline")
    fault = Fault.objects.get()
    assert (fault.source, fault.title, fault.happened_at) == ("system", "offline", at(0))
    health.report(KEY, ok=True, at=at(2))
    fault.refresh_from_db()
    assert (fault.state, fault.reports) == ("fixed", 1)
    assert list(Span.objects.order_by("since").values_list("state", "since", "until")) == [
        ("down", at(0), at(2)), ("up", at(2), None),
    ]  # fmt: skip
    assert queries.normal_seconds([camera.pk], at(0), at(4), now=at(4))[camera.pk] == (4 * 3600, 2 * 3600)


def test_what_is_no_device_of_ours_is_let_by(camera):
    health.report("video:unknown", ok=False)
    assert not Check.objects.exists()
    with pytest.raises(ValueError, match="health key"):
        health.report("camera 7", ok=False)


def test_one_that_is_back_within_the_hold_is_counted_but_raises_no_fault(camera):
    hear(camera, True, 0)
    assert hear(camera, False, 1) is None
    assert actions.raise_due(at(1) + timedelta(seconds=119)) == []
    hear(camera, True, 1 + 119 / 3600)
    assert actions.raise_due(at(2)) == []
    assert queries.normal_seconds([camera.pk], at(0), at(4), now=at(4))[camera.pk][1] == 119
    hear(camera, False, 3)
    (fault,) = actions.raise_due(at(3) + timedelta(seconds=120))
    assert (fault.happened_at, fault.reported_at) == (at(3), at(3) + timedelta(seconds=120))
    assert actions.raise_due(at(4)) == []


def test_not_known_is_neither_up_nor_down(camera):
    hear(camera, True, 0)
    hear(camera, None, 1, text="the gateway was stopped")
    hear(camera, True, 3)
    assert queries.normal_seconds([camera.pk], at(0), at(4), now=at(4))[camera.pk] == (2 * 3600, 0)
    assert not Fault.objects.exists()


def test_reports_that_come_late_move_nothing_backwards(camera):
    hear(camera, True, 5)
    hear(camera, False, 4, now=6)
    assert list(Span.objects.order_by("pk").values_list("state", "since", "until")) == [
        ("up", at(5), at(5)), ("down", at(5), None),
    ]  # fmt: skip


def test_the_prober_stopping_makes_nothing_unknown_that_others_say(camera):
    hear(camera, True, 0)
    process.begin(at(1))
    process.begin(at(2))
    assert Span.objects.get(until__isnull=True).state == "up"
    assert process.load() == []


def test_a_listener_that_fails_leaves_the_reporter_alone(camera, monkeypatch, caplog):
    def broken(*_said):
        Device.objects.create(code=camera.code, system=camera.system)  # twice the same code: refused by the database

    monkeypatch.setattr(health, "_listeners", [broken, actions.hear])
    health.report(KEY, ok=False, at=at(0))
    assert "a listener failed" in caplog.text
    assert Fault.objects.count() == 1


def test_the_fault_comes_when_the_window_ends_and_the_device_is_still_down(place):
    check = actions.set_check(place.device, place.manager, kind="tcp", target="192.0.2.1:80")
    actions.exclude(place.manager, device=place.device, starts_at=at(0), ends_at=at(5), reason="works")
    assert actions.record_change(check, change("down", at(1))) is None
    assert actions.raise_due(at(4)) == []
    (fault,) = actions.raise_due(at(5))
    assert (fault.source, fault.happened_at, fault.reported_at) == ("probe", at(1), at(5))


def test_the_fault_of_a_child_comes_when_its_parent_works_again_and_it_does_not(place):
    child, parent, _other = place.devices
    actions.depend(child, parent, place.manager)
    checks = {d.pk: actions.set_check(d, place.manager, kind="icmp", target="192.0.2.1") for d in (child, parent)}
    assert actions.record_change(checks[parent.pk], change("down", at(1))) is not None
    assert actions.record_change(checks[child.pk], change("down", at(1))) is None
    assert actions.raise_due(at(2)) == []
    actions.record_change(checks[parent.pk], change("up", at(3)))
    assert [fault.device for fault in actions.raise_due(at(3))] == [child]


def test_what_people_have_judged_is_not_raised_again_by_the_same_outage(place):
    check = actions.set_check(place.device, place.manager, kind="tcp", target="192.0.2.1:80")
    fault = actions.record_change(check, change("down", at(1)))
    actions.void(fault, place.desk, note="switched off on purpose", now=at(2))
    assert actions.raise_due(at(3)) == []
    actions.record_change(check, change("up", at(4)))
    assert actions.record_change(check, change("down", at(5))) is not None
    fault = Fault.objects.get(closed_at=None)
    fault = actions.respond(fault, place.engineer, now=at(6))
    actions.fix(fault, place.engineer, data={"cause": "power"}, note="x", now=at(7))
    assert actions.raise_due(at(8)) == []


def test_an_outage_told_by_two_ends_when_both_are_over(camera, place):
    check = actions.set_check(camera, place.manager, kind="icmp", target="192.0.2.1")
    actions.record_change(check, change("up", at(0)))
    hear(camera, False, 1, now=2)
    actions.record_change(check, change("down", at(1.5)))
    hear(camera, True, 3)
    assert Fault.objects.get().state == "reported"
    actions.record_change(check, change("up", at(4)))
    assert Fault.objects.get().state == "fixed"


def test_a_warning_raises_a_fault_without_an_outage_and_ends_only_its_own(camera):
    warn = {"text": "disk 91 % full", "stops_service": False}
    fault = actions.take_alert(SYSTEM, camera, ok=False, at=at(0), now=at(0), **warn)
    assert not Span.objects.exists()
    assert actions.take_alert(SYSTEM, camera, ok=True, now=at(1), text="other", stops_service=False) is None
    ended = actions.take_alert(SYSTEM, camera, ok=True, now=at(2), **warn)
    assert (ended.pk, ended.state) == (fault.pk, "fixed")

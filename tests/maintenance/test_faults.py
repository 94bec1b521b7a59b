"""The life of a fault: clocks, outage, one fault a device, and who may do what."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from chengheng.common import flow, measures, trail
from chengheng.common.errors import NotFound, NotPermitted
from chengheng.common.measures import Period, Scope
from chengheng.common.people.access import SYSTEM
from chengheng.maintenance import actions, queries
from chengheng.maintenance.errors import AlreadyRetired, DependsOnItself, VisitDone, WrongLabel
from chengheng.maintenance.models import Device, Fault, Plan, Span, Visit
from chengheng.maintenance.rules import spans, watch
from tests.maintenance.conftest import TIANJIN

START = datetime(2024, 5, 11, 22, 0, tzinfo=TIANJIN)  # a Saturday night


def at(hours):
    return START + timedelta(hours=hours)


def reported(place, now=START, **more):
    return actions.report_fault(place.desk, place.device, source="duty", title="dead", now=now, **more)[0]


def closed(place, now=START, respond=1, fix=5):
    fault = reported(place, now)
    fault = actions.respond(fault, place.engineer, now=now + timedelta(hours=respond))
    fault = actions.fix(
        fault, place.engineer, data={"cause": "power", "cost": "12.5", "parts": "PSU ×2\nfuse"}, note="new supply",
        now=now + timedelta(hours=fix),
    )  # fmt: skip
    fault = actions.verify(fault, place.desk, now=now + timedelta(hours=fix + 1))
    return actions.close(fault, place.desk, now=now + timedelta(hours=fix + 2))


def test_a_fault_goes_its_way_and_its_times_are_exact(place):
    fault = closed(place)
    assert fault.state == "closed"
    assert (fault.response_hours, fault.response_met) == (Decimal(1), True)
    assert (fault.repair_hours, fault.repair_met) == (Decimal(5), True)
    assert fault.cost_fen == 1250
    assert {(part.name, part.count) for part in fault.parts.all()} == {("PSU", 2), ("fuse", 1)}
    span = fault.spans.get()
    assert (span.since, span.until) == (START, at(5))
    due, down = queries.normal_seconds([place.device.pk], at(-2), at(8), now=at(99))[place.device.pk]
    assert (due, down) == (36000, 18000)
    assert list(queries.known_solutions(reported(place, at(10)))) == [fault]
    acts = [entry.act for entry in trail.history(fault)]
    assert acts[0] == "maintenance.fault.report"
    assert acts[-1] == "maintenance.fault.close"


def test_a_late_response_is_late_and_the_limit_is_the_contracts(place):
    assert closed(place, respond=4, fix=5).response_met is True
    late = closed(place, at(100), respond=4.01, fix=5)
    assert late.response_met is False
    place.contract.response_kind = "working_hours"
    place.contract.save()
    weekend = reported(place, at(200 - 200 % 168))  # a Saturday night again
    weekend = actions.respond(weekend, place.engineer, now=weekend.reported_at + timedelta(hours=12))
    assert (weekend.response_hours, weekend.response_met) == (0, True)


def test_the_contract_says_what_ends_the_response(place):
    place.contract.response_meaning = "arrived"
    place.contract.save()
    fault = actions.respond(reported(place), place.engineer, now=at(1))
    assert fault.response_hours is None
    assert fault.due_at == at(4)
    fault = actions.arrive(fault, place.engineer, now=at(3))
    assert fault.response_hours == 3
    assert fault.due_at == at(24)


def test_further_reports_join_the_open_fault(place):
    fault = reported(place)
    again, new = actions.report_fault(SYSTEM, place.device, source="user", title="still dead", name="Li", now=at(1))
    assert (again.pk, new, again.reports) == (fault.pk, False, 2)
    assert fault.report_rows.count() == 2
    fault = actions.fix(
        actions.respond(fault, place.engineer, now=at(1)), place.engineer, data={"cause": "power"}, note="x", now=at(2)
    )
    back, new = actions.report_fault(place.desk, place.device, source="duty", title="dead again", now=at(3))
    assert (back.pk, new, back.state, back.reworks) == (fault.pk, False, "responded", 1)
    assert back.fixed_at is None
    assert queries.normal_seconds([place.device.pk], at(0), at(4), now=at(4))[place.device.pk][1] == 3 * 3600


def test_waiting_for_parts_stops_the_repair_clock(place):
    fault = actions.respond(reported(place), place.engineer, now=at(1))
    fault = flow.take(fault, "wait", place.desk, note="part ordered", now=at(2))
    assert fault.due_at is None
    fault = flow.take(fault, "go_on", place.engineer, now=at(50))
    fault = actions.fix(fault, place.engineer, data={"cause": "hardware"}, note="done", now=at(53))
    assert (fault.repair_hours, fault.repair_met) == (Decimal(5), True)


def test_not_repaired_means_that_the_outage_never_ended(place):
    fault = actions.respond(reported(place), place.engineer, now=at(1))
    fault = actions.fix(fault, place.engineer, data={"cause": "power"}, note="x", now=at(2))
    fault = actions.rework(fault, place.desk, note="still dead", now=at(6))
    assert queries.normal_seconds([place.device.pk], at(0), at(8), now=at(8))[place.device.pk][1] == 8 * 3600
    assert fault.state == "responded"


def test_what_was_no_fault_counts_nowhere(place):
    fault = actions.void(reported(place), place.desk, note="unplugged by the cleaner", now=at(1))
    assert fault.state == "voided"
    assert not Span.objects.exists()
    assert measures.evaluate("maintenance.response_hours", Period.year(2024)).value is None


def test_another_vendor_sees_and_does_nothing(place):
    fault = reported(place)
    with pytest.raises(NotFound):
        actions.respond(fault, place.stranger, now=at(1))
    with pytest.raises(NotPermitted):
        actions.verify(fault, place.engineer, now=at(1))
    with pytest.raises(NotFound):
        actions.report_fault(place.stranger, place.device, source="duty", title="x", now=at(1))


def test_devices_do_not_depend_on_themselves_and_retire_once(place):
    one, two, three = place.devices
    actions.depend(one, two, place.manager)
    actions.depend(two, three, place.manager)
    with pytest.raises(DependsOnItself):
        actions.depend(three, one, place.manager)
    actions.retire_device(one, place.manager, now=at(0))
    with pytest.raises(AlreadyRetired):
        actions.retire_device(one, place.manager)
    with pytest.raises(AlreadyRetired):
        reported(place)


# What the prober saw


def change(after, began, seen=None):
    return watch.Change("unknown", after, began, seen or began)


def test_a_probe_raises_and_ends_the_fault_of_its_device(place):
    check = actions.set_check(place.device, place.manager, kind="tcp", target="192.0.2.1:80")
    actions.record_change(check, change("up", at(0)))
    fault = actions.record_change(check, change("down", at(1), at(1.05)), text="refused")
    assert (fault.source, fault.happened_at, fault.reported_at) == ("probe", at(1), at(1.05))
    moved = actions.record_change(check, change("up", at(2), at(2.05)))
    assert (moved.pk, moved.state, moved.fixed_at) == (fault.pk, "fixed", at(2))
    assert moved.response_hours is None  # it passed before anybody had to respond
    assert queries.normal_seconds([place.device.pk], at(0), at(4), now=at(4))[place.device.pk] == (4 * 3600, 3600)


def test_a_probe_raises_nothing_in_a_window_or_below_a_failing_device(place):
    one, two, three = place.devices
    checks = [actions.set_check(d, place.manager, kind="icmp", target="192.0.2.1") for d in place.devices]
    actions.depend(one, two, place.manager)
    actions.exclude(place.manager, device=three, starts_at=at(0), ends_at=at(5), reason="works")
    assert actions.record_change(checks[1], change("down", at(1))) is not None
    assert actions.record_change(checks[0], change("down", at(1))) is None
    assert actions.record_change(checks[2], change("down", at(1))) is None
    assert Fault.objects.count() == 1
    times = queries.normal_seconds([d.pk for d in place.devices], at(0), at(6), now=at(6))
    assert times[one.pk] == (6 * 3600, 5 * 3600)
    assert times[three.pk] == (3600, 3600)


def test_the_database_counts_as_the_rules_do(place):
    import random

    chance = random.Random(7)
    facts = {}
    kinds = (("down", "unknown", "gone"), ("down",), ("down", "unknown"))
    for device, has in zip(place.devices, kinds, strict=True):
        found = {"down": [], "unknown": [], "gone": []}
        for kind in has:
            for _n in range(12):
                start = at(chance.uniform(-50, 150))
                end = start + timedelta(hours=chance.uniform(0.01, 30))
                found[kind].append((start, end))
                if kind == "gone":
                    actions.exclude(place.manager, device=device, starts_at=start, ends_at=end, reason="x")
                else:
                    Span.objects.create(device=device, state=kind, since=start, until=end)
        facts[device.pk] = found
    period = (at(0), at(100))
    got = queries.normal_seconds([d.pk for d in place.devices], *period, now=at(1000))
    for pk, found in facts.items():
        want = spans.normal_time(period, [period], found["down"], found["unknown"], found["gone"])
        assert got[pk] == (Decimal(str(want.due.total_seconds())), Decimal(str(want.down.total_seconds())))
    asked = Device.objects.filter(name__contains="Device%", code__in=["D0", "D1"])
    assert queries.normal_seconds(asked, *period, now=at(1000)) == {}
    asked = Device.objects.filter(name__contains="evice", code__in=["D0", "D1"])
    assert queries.normal_seconds(asked, *period, now=at(1000)) == {d.pk: got[d.pk] for d in place.devices[:2]}


# Rounds


def test_visits_prove_the_place_and_raise_faults(place):
    plan = Plan.objects.create(
        system=place.system, name="Monthly", every_days=30, items=["clean"], starts_on=at(0).date()
    )
    assert actions.make_visits(at(24 * 40).date()) == 6
    assert actions.make_visits(at(24 * 40).date()) == 0
    one, two, *_rest = Visit.objects.filter(plan=plan)
    with pytest.raises(WrongLabel):
        actions.record_visit(one, place.engineer, normal=True, label=place.devices[2].label)
    with pytest.raises(NotFound):
        actions.record_visit(one, place.stranger, normal=True)
    actions.record_visit(one, place.engineer, normal=True, label=one.device.label, now=at(3))
    with pytest.raises(VisitDone):
        actions.record_visit(one, place.engineer, normal=True)
    actions.record_visit(two, place.engineer, normal=False, note="noisy", now=at(3))
    assert Fault.objects.get().source == "inspection"
    period = Period(at(0).date(), at(240).date())
    by = {rate: measures.evaluate("maintenance.normal_rate", period, Scope().with_options({"system": "video", "rate": rate}))
          for rate in ("hours", "count", "plan")}  # fmt: skip
    assert (by["count"].numerator, by["count"].denominator) == (1, 2)
    assert (by["plan"].numerator, by["plan"].denominator) == (1, 3)
    assert by["hours"].value == 100


# Measures


def test_measures_answer_by_system(place):
    closed(place, respond=2)
    scope = Scope().with_options({"system": "video"})
    year = Period.year(2024)
    assert measures.evaluate("maintenance.devices", year, scope).value == 3
    assert measures.evaluate("maintenance.sites", year, scope).value == 1
    assert measures.evaluate("maintenance.response_hours", year, scope).value == 2
    assert measures.evaluate("maintenance.response_rate", year, scope).value == 100
    assert measures.evaluate("maintenance.repair_hours", year, scope).value == 5
    rate = measures.evaluate("maintenance.normal_rate", Period.month(2024, 5), scope)
    assert rate.value == (Decimal(1) - Decimal(5) / (3 * 31 * 24)).quantize(Decimal("0.000001")) * 100
    assert rate.evidence.count() == 3
    other = Scope().with_options({"system": "finance"})
    assert measures.evaluate("maintenance.devices", year, other).value == 0
    assert measures.evaluate("maintenance.normal_rate", year, other).value is None
    assert measures.evaluate("maintenance.devices", year, Scope(user=place.stranger)).value == 0


def test_an_unanswered_fault_counts_with_the_time_it_waits(place):
    reported(place)
    value = measures.evaluate("maintenance.response_hours", Period.month(2024, 5)).value
    assert value == Decimal(482)  # until the end of May


@pytest.mark.parametrize(
    ("text", "unit", "code"),
    [
        ("硬件采购（维护）数量 硬件设备维护数量", "台", "maintenance.devices"),
        ("正常养护率", "%", "maintenance.normal_rate"),
        ("系统运行维护响应时间 若系统发生故障时，维修响应时间", "小时", "maintenance.response_hours"),
        ("系统运行维护响应时间", "小时", "maintenance.response_hours"),
        ("涉及区和单位 各会场维护数量", "个", "maintenance.sites"),
    ],
)
def test_the_targets_words_suggest_our_measures(text, unit, code):
    found = measures.suggest(text, unit)
    best = {entry.code for entry, score in found if score == found[0][1] or entry.system == "maintenance"}
    assert code in best  # venues are counted by command too


@pytest.mark.parametrize(
    ("name", "system"),
    [
        ("考核中心2024年市数字化城市管理平台视频图像监控系统运维项目", "video"),
        ("考核中心2024年天津市数字化城市管理系统运维项目", "platform"),
        ("考核中心2024年委财务审计监督一张网运维项目", "finance"),
        ("考核中心2024年委视频会议及城市管理指挥调度系统运维项目", "command"),
    ],
)
def test_a_programmes_name_suggests_its_system(name, system):
    assert measures.suggest_options("maintenance.devices", name) == {"system": system}

"""This room's share of the demonstration city: 22, 222 and 36 devices and 33 venues, with invented faults of 2024 and now.

Numbers of devices and sites are those of the target tables 2024; makers, addresses, faults and times are invented. All
faults are made through the room's own acts, each at its own moment.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from chengheng.common import trail
from chengheng.common.demo import DemoCity
from chengheng.common.people.access import SYSTEM
from chengheng.maintenance import actions, reference
from chengheng.maintenance.basedata import demo as basedata
from chengheng.maintenance.care import actions as care
from chengheng.maintenance.care.models import Article, Spare
from chengheng.maintenance.models import Contract, Device, Fault, Plan, Site, System, Visit

KINDS = {
    "video": (("视频服务器", 2), ("存储阵列", 4), ("核心交换机", 2), ("解码器", 8), ("国标网关", 2), ("不间断电源", 4)),
    "platform": (
        ("应用服务器", 36), ("数据库服务器", 8), ("存储阵列", 10), ("接入交换机", 48), ("防火墙", 8), ("坐席终端", 72),
        ("大屏拼接单元", 24), ("不间断电源", 6), ("精密空调", 4), ("坐席话机", 6),
    ),
    "finance": (
        ("应用服务器", 4), ("数据库服务器", 2), ("防火墙", 2), ("接入交换机", 10), ("采集终端", 17), ("不间断电源", 1),
    ),
    "command": (("会议终端", 33),),
}  # fmt: skip
PREFIX = {"video": "SP", "platform": "PT", "finance": "CW", "command": "HY"}
SHARE_OF_FAULTS = {"video": 4, "platform": 12, "finance": 3, "command": 6}  # a year
TROUBLES = (
    ("无法开机", "hardware", "更换电源模块"),
    ("画面卡顿", "network", "更换光模块并清洁尾纤"),
    ("磁盘告警", "hardware", "更换硬盘，重建阵列"),
    ("无法登录", "software", "重启服务并修正配置"),
    ("网络不通", "network", "重做水晶头，恢复端口"),
    ("异响过热", "hardware", "清理风扇滤网，更换风扇"),
    ("市电中断后未恢复", "power", "更换电池组"),
    ("时间不同步", "settings", "改正对时服务器地址"),
)


def build(city: DemoCity) -> None:
    """Systems, devices, contracts, plans and two years' history; base data. Safe to repeat."""
    basedata.build(city)
    reference.load()
    manager = city.person("maintenance", "运维主管", "326206", "maintenance.manager")
    desk = city.person("helpdesk", "运维值班员", "326206", "maintenance.desk")
    engineers = {
        "V1": city.person("engineer1", "运维工程师甲", "V1", "maintenance.vendor"),
        "V2": city.person("engineer2", "运维工程师乙", "V2", "maintenance.vendor"),
    }
    if Device.objects.exists():
        _care(city, manager, engineers)
        return
    with transaction.atomic():
        System.objects.filter(organisation=None).update(organisation=city.centre)
        for system in System.objects.filter(code__in=KINDS):
            vendor = "V1" if system.code in {"video", "platform"} else "V2"
            _contracts(city, system, vendor)
            _devices(city, system, vendor, manager)
            _plan(system)
        for year in (2024, timezone.localdate().year):
            for system in System.objects.filter(code__in=KINDS):
                _history(city, system, year, desk, engineers)
        _visits(city, engineers)
        actions.make_visits(timezone.localdate() + timedelta(days=30))
        _care(city, manager, engineers)


SPARES = (
    ("电源模块", "服务器、存储阵列", "中心机房备件柜", 2, 6, 68_000), ("光模块", "交换机", "中心机房备件柜", 4, 12, 22_000),
    ("硬盘 4 TB", "存储阵列", "中心机房备件柜", 4, 3, 98_000), ("电池组", "不间断电源", "库房", 1, 4, 150_000),
    ("会议摄像头", "会议终端", "库房", 2, 3, 320_000),
)  # fmt: skip
"""Invented parts: name, what they fit, where they are kept, at least so many, so many in stock, fen each."""
HELP = (
    ("画面卡顿先查光路", "", "画面卡顿、丢帧，网络延时忽高忽低。", "1. 查看交换机端口误码；2. 清洁尾纤；3. 更换光模块；4. 观察十分钟无误码后关闭。"),
    ("存储阵列磁盘告警", "存储阵列", "面板红灯，管理页面报磁盘失效。", "1. 确认热备盘已顶替；2. 更换同容量磁盘；3. 等重建完成再验收。"),
    ("会议终端不能入会", "会议终端", "终端能开机，但登记不上会议服务器。", "1. 核对时间与域名；2. 重新登记账号；3. 仍不行时更换网线并重启。"),
)  # fmt: skip


def _care(city: DemoCity, manager: Any, engineers: dict[str, Any]) -> None:
    """Spare parts, what helps, and what users thought of most repairs; invented like the faults."""
    if Spare.objects.exists():
        return
    with transaction.atomic():
        for name, fits, place, least, count, price in SPARES:
            row = care.keep_spare(Spare(name=name, fits=fits, place=place, least=least, price_fen=price), manager)
            care.move_spare(row, manager, why="received", count=count, note="演示数据")
        for title, kind, symptom, solution in HELP:
            care.keep_article(Article(title=title, kind=kind, symptom=symptom, solution=solution), engineers["V1"])
        for fault in Fault.objects.filter(state="closed", void=False).order_by("pk"):
            report = fault.report_rows.first()
            if report is not None and fault.closed_at is not None and city.random.random() < 0.8:
                score = city.random.choices((5, 4, 3), (55, 40, 5))[0]
                care.rate(report, score=score, now=fault.closed_at + timedelta(hours=city.random.randint(1, 40)))


def _contracts(city: DemoCity, system: System, vendor: str) -> None:
    for year in range(2024, timezone.localdate().year + 1):
        Contract.objects.create(
            system=system, vendor=city.organisation(vendor), title=f"{year}年{system.name}运维合同（演示）",
            starts_on=date(year, 1, 1), ends_on=date(year, 12, 31), source="演示数据，非真实合同",
            penalties=[{"kind": "late_response", "amount_fen": 20_000, "most_fen": 500_000},
                       {"kind": "late_repair", "amount_fen": 10_000, "most_fen": 500_000},
                       {"kind": "low_rate", "amount_fen": 100_000, "threshold": "90"}],
        )  # fmt: skip


def _devices(city: DemoCity, system: System, vendor: str, manager: Any) -> None:
    since = datetime(2023, 1, 1, tzinfo=timezone.get_current_timezone())
    centre_room = None
    if system.code != "command":
        centre_room, _made = Site.objects.get_or_create(
            code="JF-326206", defaults={"name": "考核中心机房", "organisation": city.centre}
        )
    venues: list[Any] = []
    if system.code == "command":
        venues = [*city.districts.values(), *(city.organisation(f"U{number:02}") for number in range(1, 18))]
    number, rows, maintainer = 0, [], city.organisation(vendor)
    for kind, count in KINDS[system.code]:
        for _each in range(count):
            number += 1
            site, name = centre_room, f"{kind}{number:03}"
            if system.code == "command":
                place = venues[number - 1]
                site = Site.objects.create(code=f"HC-{number:02}", name=f"{place.name}会场", organisation=place)
                name = f"{place.name}会议终端"
            rows.append(
                Device(
                    code=f"{PREFIX[system.code]}-{number:03}", name=name, system=system, site=site, kind=kind,
                    room="中心机房" if site is centre_room else "会议室",
                    vendor=maintainer, serial=f"DEMO{system.pk:02}{number:05}",
                    address=f"198.51.{100 + system.pk % 50}.{number}", in_service_at=since,
                    warranty_until=date(2027, 12, 31),
                )
            )  # fmt: skip
    made = Device.objects.bulk_create(rows)
    trail.record_new("maintenance.device.change", manager, [(one, {"registered": one.code}) for one in made])
    switch = next((device for device in made if "交换机" in device.kind), None)
    if switch is not None:
        for device in [one for one in made if "服务器" in one.kind][:6]:
            actions.depend(device, switch, manager)


def _plan(system: System) -> None:
    Plan.objects.create(
        system=system, name=f"{system.name}季度巡检", every_days=91, starts_on=date(2024, 3, 1), grace_days=7,
        items=["外观完好", "指示灯正常", "温度与风扇正常", "网络连通", "时间同步"],
    )  # fmt: skip


def _faults_of(system: System, year: int) -> int:
    """The budget's year in full; of the running one half as many, so that a demonstration starts quickly."""
    return SHARE_OF_FAULTS[system.code] if year == 2024 else (SHARE_OF_FAULTS[system.code] + 1) // 2


def _history(city: DemoCity, system: System, year: int, desk: Any, engineers: dict[str, Any]) -> None:
    """The year's faults, each through its whole life; those of the last two days of the running year stay open."""
    chance, devices = city.random, list(system.devices.select_related("vendor"))
    begin = datetime(year, 1, 2, tzinfo=timezone.get_current_timezone())
    end = min(datetime(year, 12, 28, tzinfo=timezone.get_current_timezone()), timezone.now() - timedelta(days=4))
    span = (end - begin).total_seconds()
    moments = sorted(begin + timedelta(seconds=chance.random() * span) for _n in range(_faults_of(system, year)))
    for moment in moments:
        device = chance.choice(devices)
        words, cause, solution = chance.choice(TROUBLES)
        if Fault.objects.filter(device=device, closed_at__gt=moment - timedelta(days=1)).exists():
            continue
        engineer = engineers[_vendor(device)]
        fault, _new = actions.report_fault(
            SYSTEM, device, source=chance.choice(("user", "user", "duty", "inspection")), title=f"{device.kind}{words}",
            happened_at=moment - timedelta(minutes=chance.randint(2, 40)), stops_service=chance.random() < 0.7, now=moment,
            tell=False,
        )  # fmt: skip
        at = moment + timedelta(minutes=chance.randint(4, 170))
        fault = actions.respond(fault, engineer, now=at)
        at += timedelta(minutes=chance.randint(20, 150))
        fault = actions.arrive(fault, engineer, now=at)
        at += timedelta(minutes=chance.randint(15, 600))
        cost = Decimal(chance.randint(0, 40) * 10)
        fault = actions.fix(fault, engineer, data={"cause": cause, "cost": cost}, note=solution, now=at)
        at += timedelta(hours=chance.randint(1, 30))
        fault = actions.verify(fault, desk, now=at)
        actions.close(fault, desk, now=at + timedelta(minutes=5))
    if year == timezone.localdate().year and system.code in {"platform", "command"}:
        device = next(one for one in devices if not one.faults.filter(closed_at=None).exists())
        now = timezone.now()
        fault, _new = actions.report_fault(
            SYSTEM, device, source="user", title=f"{device.kind}画面卡顿", stops_service=False,
            now=now - timedelta(minutes=50),
        )  # fmt: skip
        if system.code == "platform":
            actions.respond(fault, engineers[_vendor(device)], now=now - timedelta(minutes=20))


def _visits(city: DemoCity, engineers: dict[str, Any]) -> None:
    """The visits that were due until two weeks ago, done: nearly all in time and normal."""
    chance, rows = city.random, []
    until = timezone.localdate() - timedelta(days=14)
    devices: dict[int, list[Device]] = {}
    for device in Device.objects.select_related("vendor"):
        devices.setdefault(device.system_id, []).append(device)
    for plan in Plan.objects.filter(system__code__in=KINDS):
        day = plan.starts_on
        while day < until:
            midnight = datetime.combine(day, datetime.min.time(), timezone.get_current_timezone())
            for device in devices[plan.system_id]:
                late, normal = chance.random() < 0.02, chance.random() < 0.985
                rows.append(
                    Visit(
                        plan=plan, device=device, due_on=day, by=engineers[_vendor(device)], normal=normal,
                        done_at=midnight + timedelta(days=chance.randint(9, 12) if late else chance.randint(0, 5), hours=10),
                        label_read=chance.random() < 0.9, answers={str(item): normal for item in plan.items},
                    )
                )  # fmt: skip
            day += timedelta(days=plan.every_days)
    Visit.objects.bulk_create(rows, batch_size=1000)


def _vendor(device: Device) -> str:
    return device.vendor.code if device.vendor else ""

"""Command's share of the demonstration city: 33 venues, a rota, resources, a snow plan, orders of 2024 and of today.

The plan is an invented example in the shape of published snow-clearing plans (before, during, after; by district and
unit; reports at 08:00 and 17:00); it is no city's.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.utils import timezone

from chengheng.command import actions
from chengheng.command.conference import actions as meetings
from chengheng.command.conference.models import Meeting, MeetingTemplate, SiteGroup
from chengheng.command.models import (
    DutyShift,
    LinkCheck,
    Order,
    OrderTemplate,
    Plan,
    PlanLevel,
    PlanNeed,
    PlanRun,
    PlanStep,
    Resource,
    Site,
)
from chengheng.common.demo import DemoCity
from chengheng.common.people.access import SYSTEM
from chengheng.common.people.models import User

_SEES = ("video.viewer", "opinion.reader", "patrol.supervisor")
"""What who commands sees of the other systems: cameras, alerts, cases, to be linked with orders and called into meetings."""
CENTRE_POINT = (117.2, 39.13)
_LEVELS = (
    (1, "一级响应", "暴雪红色或橙色预警信号（示例）"),
    (3, "三级响应", "暴雪蓝色预警信号或积雪 5 毫米以上（示例）"),
)
_STEPS: tuple[tuple[str, int, str, str, str, int, int], ...] = (
    (
        "雪前",
        0,
        "上岗到位并报告人员车辆",
        "各单位按预案上岗到位，报告应急队伍、除雪车辆、融雪剂储备数量。",
        "sites",
        15,
        60,
    ),
    ("雪前", 30, "检查除雪机具和融雪剂", "对除雪机具、融雪剂储备点逐一检查，发现问题立即补充。", "districts", 30, 120),
    ("雪中", 60, "桥梁坡道先行除雪", "先保桥梁、坡道、匝道和公交线路，随下随清。", "districts", 15, 240),
    ("雪中", 60, "单位门前及场站清雪", "清理管辖场站和门前积雪，保证作业车辆进出。", "units", 15, 240),
    ("雪后", 240, "人行道和社区路清雪", "雪停后组织清理人行道、过街设施和社区道路。", "districts", 30, 480),
    ("雪后", 480, "报送工作小结", "于 8:00、17:00 报送情况，有事报事、无事报平安；结束后报送小结。", "sites", 30, 240),
)


def build(city: DemoCity) -> None:
    """Make what is missing; a few seconds at the first time."""
    chief = city.person("zhihuizhang", "沈指挥长", "CGW", "command.chief", *_SEES)
    dispatcher = city.person("diaodu", "许调度", "326206", "command.dispatcher", *_SEES)
    city.person("huichang", "罗会管", "326206", "command.keeper")
    people = _sites(city)
    _rota(city, people, dispatcher)
    _resources(city)
    plan = _plan(city)
    _order_templates(chief)
    if not LinkCheck.objects.exists():
        _checks(city)
    if not Meeting.objects.exists():
        _meetings(city, chief, dispatcher)
    if not Order.objects.exists():
        _past(city, chief, dispatcher, people, plan)
        _now(city, dispatcher, people)


def _meetings(city: DemoCity, chief: User, dispatcher: User) -> None:
    """Groups, a template, and the daily consultation of today: its chair may begin it at once."""
    serving = Site.objects.filter(serves_until=None)
    districts = meetings.save_group(
        SYSTEM, SiteGroup(name="各区分会场", organisation=city.commission), serving.filter(kind="district")
    )
    units = meetings.save_group(
        SYSTEM, SiteGroup(name="直属单位会场", organisation=city.commission), serving.filter(kind="unit")
    )
    meetings.save_template(
        SYSTEM,
        MeetingTemplate(
            name="全市视频调度会", title="全市城市管理视频调度会", organisation=city.commission, minutes=60, record=True,
            agenda="一、点名\n二、各区通报情况\n三、部署重点工作",
        ),
        [districts, units], serving.filter(kind="main"),
    )  # fmt: skip
    day = timezone.localtime() + timedelta(days=1)
    meetings.call_meeting(
        chief, title="清融雪工作视频调度会（演示）", minutes=60, sites=serving, operators=[dispatcher],
        starts_at=day.replace(hour=9, minute=0, second=0, microsecond=0),
        agenda="一、点名\n二、雪前准备情况\n三、融雪剂储备\n四、任务部署", record=True,
    )  # fmt: skip


def _sites(city: DemoCity) -> dict[str, User]:
    """The main venue, 16 districts, 17 units; one person on duty at each: organisation's code → person."""
    wanted: list[tuple[str, str, str, str]] = [("CGW", "委主会场", "main", "")]
    wanted += [
        (organisation.code, f"{organisation.name.removesuffix('城市管理委员会')}分会场", "district", code)
        for code, organisation in city.districts.items()
    ]
    wanted += [
        (f"U{number:02}", f"{city.organisation(f'U{number:02}').name}会场", "unit", "") for number in range(1, 18)
    ]
    people = {}
    for code, name, kind, district in wanted:
        if kind != "main":
            short = code.lower()
            people[code] = city.person(
                f"zhiban_{short}", f"{name.removesuffix('（演示）会场')[:12]}值班员", code, "command.site"
            )
        if Site.objects.filter(code=f"HC-{code}").exists():
            continue
        lon, lat = (
            CENTRE_POINT if kind == "main" else city.point_in(district or city.random.choice(list(city.districts)))
        )
        actions.save_site(
            SYSTEM,
            Site(code=f"HC-{code}", name=name, kind=kind, organisation=city.organisation(code), area_code=district,
                 lon=lon, lat=lat, contact="值班室", serves_from=date(2024, 1, 1)),
        )  # fmt: skip
    return people


def _rota(city: DemoCity, people: dict[str, User], dispatcher: User) -> None:
    if DutyShift.objects.exists():
        return
    day = timezone.localdate()
    start = timezone.make_aware(datetime.combine(day, time(0, 0)))
    for code, person in [("326206", dispatcher), *people.items()]:
        actions.add_shift(SYSTEM, city.organisation(code), person, start, start + timedelta(days=7), "022-00000000")


def _resources(city: DemoCity) -> None:
    if Resource.objects.exists():
        return
    for code, organisation in list(city.districts.items())[:8]:
        for kind, name, amount, unit in (
            ("vehicle", "除雪车", 6, "辆"), ("team", "应急队", 30, "人"), ("salt", "融雪剂", 120, "吨"),
        ):  # fmt: skip
            lon, lat = city.point_in(code)
            short = organisation.name.removesuffix("城市管理委员会")
            actions.save_resource(
                SYSTEM,
                Resource(name=f"{short}{name}", kind=kind, organisation=organisation, amount=amount, unit=unit, lon=lon,
                         lat=lat, seen_at=timezone.now()),
            )  # fmt: skip


def _plan(city: DemoCity) -> Plan:
    plan, made = Plan.objects.get_or_create(
        code="SNOW-DEMO", edition=1,
        defaults={
            "state": Plan.State.IN_FORCE, "adopted_at": timezone.now(),
            "name": "清融雪应急预案（演示）", "kind": "snow", "organisation": city.commission,
            "source": "演示用示例，结构参照公开的清雪预案；非任何城市的正式预案",
            "about": "按雪前、雪中、雪后组织，各区、各单位分工负责。",
        },
    )  # fmt: skip
    if made:
        for rank, name, trigger in _LEVELS:
            level = PlanLevel.objects.create(plan=plan, rank=rank, name=name, trigger=trigger)
            for kind, amount, unit in (
                ("vehicle", 40, "辆"),
                ("team", 200, "人"),
                ("salt", 900 if rank == 3 else 1500, "吨"),
            ):
                PlanNeed.objects.create(level=level, kind=kind, amount=amount, unit=unit)
            for position, (phase, offset, title, body, to, receipt, finish) in enumerate(
                _STEPS[: 6 if rank == 1 else 4], 1
            ):
                PlanStep.objects.create(
                    level=level, position=position, phase=phase, offset_minutes=offset, title=title, body=body, to=to,
                    checklist=["除雪机具试车", "融雪剂储备点已查", "问题已补充或上报"] if position == 2 else [],
                    receipt_minutes=receipt, finish_minutes=finish, priority="emergency" if rank == 1 else "urgent",
                )  # fmt: skip
    return plan


def _order_templates(chief: User) -> None:
    for name, title, body, priority, receipt, finish, items in (
        ("值班点名", "值班情况报告", "请于时限内报告值班人员、带班领导和应急队伍在岗情况。", "routine", 15, 60, []),
        ("道路遗撒处置", "道路遗撒清理", "立即派人清理指定路段遗撒物，处置前后拍照反馈。", "urgent", 15, 120,
         ["现场设置警示", "清理完毕", "处置后拍照"]),
    ):  # fmt: skip
        if not OrderTemplate.objects.filter(name=name).exists():
            actions.save_order_template(
                chief,
                OrderTemplate(name=name, title=title, body=body, priority=priority, receipt_minutes=receipt,
                              finish_minutes=finish, checklist=items),
            )  # fmt: skip


def _checks(city: DemoCity) -> None:
    """A round of calls on the first working day of each month of 2024, and one today."""
    moments = [datetime(2024, month, 5, 9, 0, tzinfo=timezone.get_current_timezone()) for month in range(1, 13)]
    for moment in [*moments, timezone.now() - timedelta(minutes=30)]:
        for number, site in enumerate(Site.objects.exclude(kind="main").order_by("code")):
            reached = (number * 7 + moment.month * 5) % 41 != 0
            loss = Decimal("0.10") if reached else None
            actions.check_link(
                SYSTEM, site, reached=reached, loss_percent=loss, at=moment + timedelta(seconds=number * 20)
            )


def _past(city: DemoCity, chief: User, dispatcher: User, people: dict[str, User], plan: Plan) -> None:
    """Orders of 2024, carried out; and the December snow as one run of the plan, ended."""
    for month in range(1, 13):
        given = datetime(2024, month, 12, 9, 0, tzinfo=timezone.get_current_timezone())
        codes = city.random.sample(sorted(people), 5)
        with city.at(given):
            order = actions.give_order(
                dispatcher, title=f"{month}月市容环境整治专项督查", body="按要求开展自查整改，按时反馈。",
                organisations=[city.organisation(code) for code in codes], receipt_minutes=60, finish_minutes=2880,
            )  # fmt: skip
        _carry_out(city, order, people, given, 2880)
        with city.at(given + timedelta(days=4)):
            actions.close_order(order, dispatcher)
    begun = datetime(2024, 12, 14, 19, 0, tzinfo=timezone.get_current_timezone())
    with city.at(begun):
        run = actions.start_plan(plan.levels.get(rank=3), chief, reason="气象台发布暴雪蓝色预警信号（演示）")
    for order in run.orders.all():
        _carry_out(city, order, people, begun, order.finish_minutes)
    with city.at(begun + timedelta(hours=20)):
        actions.end_run(
            PlanRun.objects.get(pk=run.pk), chief, conclusion="主干道路未出现积雪结冰，清雪工作按时完成（演示）。"
        )


def _carry_out(city: DemoCity, order: Order, people: dict[str, User], begun: datetime, finish_minutes: int) -> None:
    for target in order.targets.select_related("organisation"):
        person = people[target.organisation.code]
        late = city.random.random() < 0.06
        received = begun + timedelta(minutes=city.random.uniform(1, order.receipt_minutes * 0.9))
        finished = begun + timedelta(minutes=finish_minutes * (1.1 if late else city.random.uniform(0.3, 0.95)))
        with city.at(received):
            target = actions.receive_order(target, person)
        for item in range(len(order.checklist)):
            with city.at(received + (finished - received) / 2):
                actions.tick_item(target, person, item, now=received + (finished - received) / 2)
        with city.at(finished):
            actions.finish_order(target, person, note="已完成（演示）")


def _now(city: DemoCity, dispatcher: User, people: dict[str, User]) -> None:
    """One order of today, half of it received."""
    lon, lat = city.point_in("120101")
    begun = timezone.now() - timedelta(minutes=50)
    codes = sorted(people)[:8]
    with city.at(begun):
        order = actions.give_order(
            dispatcher, title="重要活动沿线环境保障", body="对活动沿线道路保洁和市容秩序进行保障，处置情况拍照反馈。",
            organisations=[city.organisation(code) for code in codes], priority="urgent", receipt_minutes=30,
            finish_minutes=360, address="和平区活动沿线（演示）", lon=lon, lat=lat,
        )  # fmt: skip
    for target in list(order.targets.select_related("organisation"))[:4]:
        with city.at(begun + timedelta(minutes=city.random.uniform(3, 25))):
            actions.receive_order(target, people[target.organisation.code])

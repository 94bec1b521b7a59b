"""A year of cases, and whether programme 2's measures are right about it, held against a count kept outside the database.

CHENGHENG_PATROL_YEAR="CASES,STAGED" (default "12000,120": a twentieth of the target year of 240,000). STAGED of the cases
go through every stage by the public API, a photo with each, every request through the whole stack of middleware with
its own role's token, the steps many in a call, the clock stepped through 2024. The others come by the documented bulk path: the import of history
(`/intake/patrol.case/`), a file a month. What each case should count as is decided beforehand and added up in plain
Python; at the end the five measures must say exactly that. The whole year by the API is reckoned from the staged cases.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4
from zoneinfo import ZoneInfo

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chengheng.project.settings")

from benchmarks.limits import site
from benchmarks.report import Report

CASES, STAGED = (int(part) for part in os.environ.get("CHENGHENG_PATROL_YEAR", "12000,120").split(","))
EDITION, TIANJIN = "GB/T 30428.2-2013", ZoneInfo("Asia/Shanghai")
CODES = ("0110", "0112", "0136", "0201", "0405", "0406", "0410")
IN_HEPING = (117.2025, 39.1185)
WHOLE_YEAR = 240_000


def run(report: Report) -> None:
    with site():
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("truncate patrol_case, flow_clockrun, intake_batch cascade")
        year(report)


@dataclass
class Truth:
    """What the year holds, counted while it is made."""

    collected: Counter[int] = field(default_factory=Counter)  # month → collectors' cases
    filed: int = 0  # of those
    to_handle: int = 0
    in_time: int = 0
    to_close: int = 0
    closed: int = 0

    def add(self, month: int, by_collector: bool, filed: bool, handled: bool, in_time: bool, closed: bool) -> None:
        if by_collector:
            self.collected[month] += 1
            self.filed += filed
        self.to_handle += filed  # done, or long due when the year is looked at
        self.in_time += handled and in_time
        self.to_close += closed
        self.closed += closed


class Clock:
    """The city's clock, stepped by hand."""

    def __init__(self, *parts: int) -> None:
        self.at = datetime(*parts, tzinfo=TIANJIN)  # type: ignore[misc, arg-type]

    def now(self) -> datetime:
        return self.at


def year(report: Report) -> None:
    from django.conf import settings

    from chengheng.common.measures import Period, Scope, evaluate
    from chengheng.patrol.models import Case

    settings.ALLOWED_HOSTS = ["*"]
    settings.FILE_STORE = Path("var/bench/patrol-year-files")
    chance, truth = random.Random(2024), Truth()
    people = _people()
    began = time.perf_counter()
    bulk(people, CASES - STAGED, chance, truth)
    took = time.perf_counter() - began
    report.line("history imported, with every check", (CASES - STAGED) / took, "cases/s", f"{took:.0f} s")

    began, base = time.perf_counter(), _server_time()
    spent = staged(people, STAGED, chance, truth)
    took, base = time.perf_counter() - began, (_server_time() - base) / max(1, STAGED)
    each = (spent.alone + spent.together) / max(1, STAGED)
    report.line("a case through every stage by the API", took / max(1, STAGED) * 1000, "ms", "by the wall")
    report.line("processor time of it in the web", each * 1000, "ms", f"database {base * 1000:.0f} ms")
    report.line("of it, report and photo, a request each", spent.alone / max(1, STAGED) * 1000, "ms", "")
    report.line(
        "a step, many in a call",
        spent.together / max(1, spent.steps) * 1000,
        "ms",
        f"{spent.steps} in {spent.calls} calls",
    )
    whole = (each + base) * WHOLE_YEAR
    report.line(f"{WHOLE_YEAR:,} cases so, reckoned", whole / 60, "CPU minutes", "goal: minutes")
    report.line("ten times that, reckoned", whole / 360, "CPU hours", "a case costs the same at any stock")

    with patch("django.utils.timezone.now", return_value=datetime(2025, 2, 10, 9, tzinfo=TIANJIN)):
        began = time.perf_counter()
        said = {
            code: evaluate(f"patrol.{code}", Period.year(2024), Scope()).value
            for code in ("collected", "collected_monthly", "valid_rate", "handled_in_time_rate", "closed_rate")
        }
        took = time.perf_counter() - began
    counted = {
        "collected": truth.collected.total(), "collected_monthly": min(truth.collected.values()),
        "valid_rate": 100 * truth.filed / truth.collected.total(),
        "handled_in_time_rate": 100 * truth.in_time / truth.to_handle, "closed_rate": 100 * truth.closed / truth.to_close,
    }  # fmt: skip
    assert Case.objects.count() == CASES
    for code, value in said.items():
        assert value is not None
        report.line(f"patrol.{code}", float(value), "", f"counted outside: {counted[code]:.4f}")
        assert abs(float(value) - counted[code]) < 0.0051, f"{code}: {value} is not {counted[code]}"
    report.line("the five measures over the year", took * 1000, "ms", f"{CASES:,} cases stored")


def _people() -> dict[str, Any]:
    from chengheng.common.people.models import Duty, Organisation, User
    from chengheng.patrol import reference

    reference.load()
    made: dict[str, Any] = {}
    for code, kind, parent in (("BENCH", "district", None), ("BENCH-HW", "department", "BENCH")):
        made[code], _made = Organisation.objects.get_or_create(
            code=code,
            defaults={"name": code, "kind": kind, "district_code": "120101", "parent": made.get(parent or "")},
        )
    for name, role, at, area in (
        ("collector", "collector", "BENCH", "120101"), ("reception", "district_receptionist", "BENCH", "120101"),
        ("chief", "district_duty_chief", "BENCH", "120101"), ("dispatcher", "district_dispatcher", "BENCH", "120101"),
        ("handler", "department", "BENCH-HW", ""), ("manager", "manager", "BENCH", ""),
    ):  # fmt: skip
        user, _made = User.objects.get_or_create(
            username=f"year_{name}", defaults={"organisation": made[at], "password": "!", "display_name": name}
        )
        Duty.objects.get_or_create(
            user=user, role=f"patrol.{role}", organisation=made[at], area_code=area,
            defaults={"starts_on": "2020-01-01"},
        )  # fmt: skip
        made[name] = user
    return made


def bulk(people: dict[str, Any], number: int, chance: random.Random, truth: Truth) -> None:
    """Cases that have ended, by the import of history: one file a month."""
    from chengheng.common.intake import actions as intake
    from chengheng.common.intake.models import State

    names = ("任务号", "标准", "类别", "小类代码", "问题来源", "上报时间", "案件状态", "经度", "纬度", "立案时间", "派遣时间",
             "处置截止时间", "处置时间", "结案时间")  # fmt: skip

    def clock(moment: datetime | None) -> str:
        return f"{moment:%Y-%m-%d %H:%M}" if moment else ""

    for month in range(1, 13):
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(names)
        for n in range(number * (month - 1) // 12, number * month // 12):
            at = datetime(2024, month, 1 + chance.randrange(28), 8 + chance.randrange(10), chance.randrange(60))
            by_collector, filed, late = chance.random() < 0.85, chance.random() < 0.94, chance.random() < 0.07
            closed = filed
            due = at + timedelta(hours=6)
            handled = due + timedelta(hours=2 if late else -3)
            truth.add(month, by_collector, filed, filed, not late, closed)
            writer.writerow((
                f"Y-{n}", EDITION, "事件", chance.choice(CODES), "collector" if by_collector else "hotline", clock(at),
                "结案" if filed else "不予立案", IN_HEPING[0] + chance.uniform(-0.004, 0.004),
                IN_HEPING[1] + chance.uniform(-0.003, 0.003), *(
                    (clock(at + timedelta(minutes=20)), clock(at + timedelta(minutes=30)), clock(due), clock(handled),
                     clock(handled + timedelta(hours=1))) if filed else ("",) * 5),
            ))  # fmt: skip
        batch = intake.receive(
            people["manager"], "patrol.case", f"2024-{month:02}.csv", text.getvalue().encode("utf-8-sig")
        )
        batch = intake.check_batch(people["manager"], batch.pk)
        assert batch.state == State.READY, batch.problems
        intake.commit_batch(people["manager"], batch.pk)


@dataclass
class Spent:
    """Processor seconds of the web in single requests and in calls of many steps; how many of each."""

    alone: float = 0
    together: float = 0
    steps: int = 0
    calls: int = 0


def _server_time() -> float:
    """Processor seconds of this connection's server process."""
    import psutil
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        return sum(psutil.Process(cursor.fetchone()[0]).cpu_times()[:2])


def staged(people: dict[str, Any], number: int, chance: random.Random, truth: Truth) -> Spent:
    """Cases taken through every stage by the API, each request as its role: a report and a photo in a request each, then
    the steps of all cases of a month, stage by stage, many in a call."""
    from PIL import Image

    from benchmarks.patrol import _environ
    from chengheng.common.people import limits
    from chengheng.common.people.actions import create_token
    from chengheng.patrol.api import MANY_AT_MOST
    from chengheng.patrol.models import FilingStandard
    from chengheng.project.wsgi import application

    environs: dict[str, Any] = {}
    standards = dict(
        FilingStandard.objects.filter(edition=EDITION, kind="event").order_by("-pk").values_list("code", "pk")
    )
    spent = Spent()

    def call(who: str, path: str, body: bytes, kind: str = "application/json") -> Any:
        limits.api.clear()
        said: list[str] = []
        address, _mark, query = path.partition("?")
        began = time.process_time()
        answer = application(
            {**environs[who], "PATH_INFO": f"/api/v1/patrol{address}", "QUERY_STRING": query, "CONTENT_TYPE": kind,
             "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)},
            lambda status, _headers, _fault=None: said.append(status),
        )  # fmt: skip
        told = b"".join(answer)
        answer.close()
        if path == "/steps":
            spent.together += time.process_time() - began
        else:
            spent.alone += time.process_time() - began
        assert said[0][:3] in ("200", "201"), (path, told)
        return json.loads(told)

    def steps(who: str, name: str, cases: list[int], **given: Any) -> None:
        for first in range(0, len(cases), MANY_AT_MOST):
            wanted = [
                {"case": pk, "step": name, **{key: value.get(pk) if isinstance(value, dict) else value
                                              for key, value in given.items()}}
                for pk in cases[first : first + MANY_AT_MOST]
            ]  # fmt: skip
            told = call(who, "/steps", json.dumps(wanted).encode())
            assert {one["status"] for one in told} == {200}, told
            spent.steps, spent.calls = spent.steps + len(wanted), spent.calls + 1

    for month in range(1, 13):
        with patch("django.utils.timezone.now", return_value=datetime(2024, month, 1, tzinfo=TIANJIN)):
            for name in ("collector", "reception", "chief", "dispatcher", "handler"):  # tokens run out
                environs[name] = _environ(create_token(people[name], people[name], f"{month}")[1])
        clock = Clock(2024, month, 1 + chance.randrange(20), 9, 0)
        with patch("django.utils.timezone.now", side_effect=clock.now):
            made: list[int] = []
            under: dict[int, int] = {}
            for _case in range(number * (month - 1) // 12, number * month // 12):
                code = chance.choice(CODES)
                told = {"client_id": str(uuid4()), "kind": "event", "code": code, "edition": EDITION,
                        "lon": IN_HEPING[0] + chance.uniform(-0.004, 0.004), "lat": IN_HEPING[1]}  # fmt: skip
                pk = call("collector", "/cases", json.dumps(told).encode())["id"]
                made.append(pk)
                under[pk] = standards[code]
                kept = io.BytesIO()
                Image.new("RGB", (64, 48), tuple(chance.randrange(256) for _part in range(3))).save(kept, "JPEG")
                form = (b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n'
                        b"Content-Type: image/jpeg\r\n\r\n" + kept.getvalue() + b"\r\n--b--\r\n")  # fmt: skip
                call("collector", f"/cases/{pk}/photos?kind=before", form, "multipart/form-data; boundary=b")
            filed = {pk for pk in made if chance.random() < 0.94}
            late = {pk for pk in filed if chance.random() < 0.1}
            ending = [pk for pk in made if pk in filed and chance.random() < 0.95]
            for pk in made:
                truth.add(month, True, pk in filed, pk in filed, pk not in late, pk in ending)
            truth.to_close += len(filed) - len(ending)  # their closing is long due when the year is looked at
            clock.at += timedelta(minutes=5)
            steps("reception", "accept", made)
            steps("chief", "not_file", [pk for pk in made if pk not in filed], note="不符合立案条件")
            steps("chief", "file", sorted(filed), standard=under)
            steps("dispatcher", "dispatch", sorted(filed), department="BENCH-HW")
            for those, after in ((filed - late, timedelta(minutes=20)), (late, timedelta(days=40))):
                clock.at += after
                steps("handler", "handle", sorted(those), note="已处置")
            steps("dispatcher", "ask_check", sorted(filed), collector="year_collector")
            clock.at += timedelta(minutes=30)
            steps("collector", "check", sorted(filed), result="passed")
            steps("chief", "close", ending)
    return spent

"""A year of dust weighing through the phone API: plans, checks with photos and signatures, bulletins, the ranking.

CHENGHENG_YEAR="MONTHS,ROADS,CHECKS" (default "1,3000,60"): so many months over so many roads in 16 districts, so many
checks planned a month. The whole year of the target table is "12,3000,550" (6,600 checks, 39,600 points, 118,800
photos); ten times a month is "1,3000,600" against "1,3000,60". Every request goes in process through the whole stack of
middleware (session, permission, replay, trail), on a database with fsync on. Roads and grams are invented, their true
mean is known, and the year's intervals are held against it.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.limits import server
from benchmarks.report import Report

MONTHS, ROADS, CHECKS = (int(part) for part in os.environ.get("CHENGHENG_YEAR", "1,3000,60").split(","))
TEAMS = max(2, CHECKS // 140)
MOST = "cleanliness_road, cleanliness_roadversion, cleanliness_plan, cleanliness_team, cleanliness_scale, " \
       "cleanliness_bulletin, cleanliness_ruleset, cleanliness_servicecost"  # fmt: skip


def run(report: Report) -> None:
    with server():
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        from django.conf import settings

        from chengheng.common import preparation

        settings.DEMO = True  # the invented inspectors are demonstration users

        for step in preparation.steps(demo=False):
            step.run()
        with connection.cursor() as cursor:
            cursor.execute(f"truncate {MOST} cascade")
        from chengheng.cleanliness import reference

        reference.load()
        year(report)


class Clock:
    """Wall and processor seconds of each kind of work."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = defaultdict(list)

    def of(self, what: str, act: Any) -> Any:
        started = time.perf_counter()
        answer = act()
        self.spent[what].append(time.perf_counter() - started)
        return answer


def caller(user: Any, clock: Clock) -> Any:
    """The phone of this person: JSON and photos by the API, each request timed by what it is."""
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.test import Client
    from django.utils import timezone

    client = Client(
        SERVER_NAME="localhost", REMOTE_ADDR=""
    )  # no address: the limit of requests a minute is not at issue
    client.force_login(user, backend="chengheng.common.people.auth.Backend")
    session = client.session
    session["began_at"] = session["seen_at"] = timezone.now().timestamp()
    session["second_factor"] = True
    session.save()

    def call(method: str, url: str, body: Any = None) -> Any:
        what = {"photos": "photo", "checks": "check", "sign": "signature"}.get(url.rsplit("/", 1)[-1], "day")
        if method == "GET":
            answer = clock.of(what, lambda: client.get(url))
        elif isinstance(body, bytes):
            file = SimpleUploadedFile("photo.jpg", body, "image/jpeg")
            answer = clock.of(what, lambda: client.post(url, {"photo": file}))
        else:
            text = json.dumps(body)
            answer = clock.of(what, lambda: client.post(url, text, content_type="application/json"))
        assert answer.status_code in (200, 201), answer.content
        return answer.json()

    return call


def town(chance: random.Random) -> Any:
    """Roads in the sixteen districts, teams of two, a calibrated scale, an example adopted as the rules."""
    from datetime import date
    from decimal import Decimal

    from chengheng.cleanliness import actions, simulate
    from chengheng.cleanliness.models import RuleSet
    from chengheng.common.demo import DemoCity
    from chengheng.common.people.access import SYSTEM
    from chengheng.simulate.city import build_base

    city = DemoCity()
    build_base(city)
    pattern = RuleSet.objects.get(name__startswith="示例：石家庄")
    actions.adopt_rules(pattern, SYSTEM, day=date(2024, 1, 1), frame_area_m2=Decimal("0.24"),
                        deduct_missed_fen=20_000, deduct_gram_fen=5_000)  # fmt: skip
    contractors = [city.organisation(f"C{number}") for number in range(1, 4)]
    rows = simulate.register(city.points_in, list(city.districts), ROADS, chance, contractors)
    actions.add_roads(SYSTEM, rows, reason="bench")
    scale = actions.add_scale(SYSTEM, code="DEMO-1", name="bench", resolution_g=Decimal("0.1"), max_g=Decimal(3000))
    actions.calibrate(scale, SYSTEM, on=date(2024, 1, 1), until=date(2024, 12, 31), certificate="bench")
    people = {}
    for number in range(TEAMS):
        pair = [city.person(f"bench{number}{x}", f"检测员{number}{x}", "326206", "cleanliness.inspector") for x in "ab"]
        team = actions.add_team(SYSTEM, name=f"Bench {number}", organisation=city.centre, members=pair,
                                lon=117.0 + 0.4 * number / TEAMS, lat=39.1)  # fmt: skip
        people[team.pk] = pair
    return people, rows


def year(report: Report) -> None:
    from django.db import connection

    from chengheng.cleanliness import actions, queries, simulate
    from chengheng.cleanliness.models import Check, Plan, Point, Road
    from chengheng.common.measures import Period, evaluate
    from chengheng.common.people.access import SYSTEM

    chance, clock, truth = random.Random(2024), Clock(), simulate.Truth()
    people, rows = clock.of("register", lambda: town(chance))
    calls = {team: [caller(user, clock) for user in pair] for team, pair in people.items()}
    picture = itertools.count(chance.getrandbits(60))
    district_of = {row["code"]: row["district_code"] for row in rows}
    held, size_before = 0, _bytes(connection)
    seen = []
    for month in range(202401, 202401 + MONTHS):
        plan = clock.of("draw", lambda month=month: actions.make_plan(SYSTEM, month=month, size=CHECKS, seed="bench"))
        clock.of("routes", lambda plan=plan: actions.route_plan(plan, SYSTEM, milliseconds=100))
        clock.of("seal", lambda plan=plan: actions.seal_plan(plan, SYSTEM))
        for team, (inspector, witness) in calls.items():
            for day in sorted(set(plan.items.filter(team=team).values_list("day", flat=True))):
                for item in inspector("GET", f"{simulate.API}/day?day={day}"):
                    started = time.perf_counter()
                    simulate.check_by_phone(
                        inspector, witness, item, truth, chance, picture, district=district_of[item["code"]]
                    )
                    clock.spent["whole check"].append(time.perf_counter() - started)
        odd = list(Point.objects.filter(flagged=True, confirmed="", check_of__month=month))
        for point in odd:
            clock.of(
                "outlier decided", lambda p=point: actions.confirm_outlier(p, SYSTEM, reason="bench: on the photo")
            )
        bulletin = clock.of("bulletin", lambda month=month: actions.publish_bulletin(SYSTEM, month=month))
        real = _true_mean(rows, truth, bulletin.content)
        held += float(bulletin.content["low"]) - 0.05 <= real <= float(bulletin.content["high"]) + 0.05
        seen.append((bulletin.content["mean"], f"{real:.1f}"))
    months = [one.month for one in Plan.objects.all()]
    ranked = clock.of("ranking of all months", lambda: queries.district_ranking(months))
    made = Check.objects.filter(state="result").count()
    planned = MONTHS * CHECKS
    assert made == planned, f"{made} results of {planned} planned checks"
    assert Road.objects.filter(active=True).count() == ROADS
    measured = {name: evaluate(f"cleanliness.{name}", Period.year(2024)).value
                for name in ("road_checks", "points_minimum", "points_share")}  # fmt: skip
    size = f"{MONTHS} × {CHECKS} checks, {ROADS:,} roads"
    whole = clock.spent["whole check"]
    report.line("whole check by the phone API (18 photos)", 1000 * sum(whole) / made, "ms", size)
    for what in ("photo", "check", "signature", "day"):
        times = clock.spent[what]
        report.line(f"request: {what}", 1000 * sum(times) / len(times), "ms", f"{len(times):,} of them")
    for what in ("draw", "routes", "seal", "bulletin"):
        report.line(f"a month's {what}", sum(clock.spent[what]) / MONTHS, "s")
    report.line("ranking of all months", sum(clock.spent["ranking of all months"]), "s", f"{len(ranked)} districts")
    report.line("database a check", (_bytes(connection) - size_before) / made / 1024, "KiB")
    report.line(
        "months whose interval holds the true mean", held, f"of {MONTHS}", " ".join(f"{a}/{b}" for a, b in seen)
    )
    report.line(
        "road checks of the year", float(measured["road_checks"] or 0), "条次", f"{len(odd)} outliers last month"
    )
    report.line("points of a check, least", float(measured["points_minimum"] or 0), "个")
    report.line("share of checks with six points or more", float(measured["points_share"] or 0), "%")


def _bytes(connection: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def _true_mean(rows: list[dict[str, Any]], truth: Any, content: dict[str, Any]) -> float:
    """The mean over the register of what a point is expected to show (a pavement carries more), of checked strata."""
    lanes = {"pavement": 1.6}
    values = [
        truth.road(row["district_code"], row["grade"], row["code"])
        * sum(lanes.get(lane, 1.0) for lane in row["lanes"]) / len(row["lanes"])
        for row in rows
    ]  # fmt: skip
    return sum(values) / len(values)


def main() -> None:
    report = Report(Path(__file__).stem)
    run(report)

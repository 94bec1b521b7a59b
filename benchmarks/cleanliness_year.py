"""A year of dust weighing through the phone API: plans, checks with photos and signatures, bulletins, the ranking.

CHENGHENG_YEAR="MONTHS,ROADS,CHECKS" (default "1,3000,60"): so many months over so many roads in 16 districts, so many
checks planned a month. The whole year of the target table is "12,3000,550" (6,600 checks, 39,600 points, 118,800
photos); ten times a month is "1,3000,600" against "1,3000,60". CHENGHENG_YEAR_CLIENTS processes hand in side by side
(default 1); CHENGHENG_YEAR_MINUTES begins no month that would not end in time (default: all are run). Every request goes through the whole stack of middleware (session, permission, replay, trail), on a database
with fsync on. A day of each month is rained off and planned again, and some roads are found wet and checked a day later.

Roads and grams are invented, so that their true mean is known: the intervals of each district and month are held against
it, and the measures against what the phones counted themselves. Seconds are processor seconds: of the client with the
web process (they are one here), and of its database backend.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import random
import secrets
import shutil
import time
from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.limits import site
from benchmarks.report import Report

MONTHS, ROADS, CHECKS = (int(part) for part in os.environ.get("CHENGHENG_YEAR", "1,3000,60").split(","))
CLIENTS = int(os.environ.get("CHENGHENG_YEAR_CLIENTS", "1"))
TEAMS = CLIENTS * max(2 if CLIENTS == 1 else 1, CHECKS // 140 // CLIENTS)  # as many for each client
MINUTES = float(os.environ.get("CHENGHENG_YEAR_MINUTES", "inf"))
COST_FEN = 23_430  # what a check costs here; invented
WET = 0.015  # of the roads are found wet on arrival; invented
MOST = "cleanliness_road, cleanliness_roadversion, cleanliness_plan, cleanliness_team, cleanliness_scale, " \
       "cleanliness_bulletin, cleanliness_ruleset, cleanliness_servicecost, files_file, replay_request"  # fmt: skip


def run(report: Report) -> None:
    with site():
        from django.conf import settings
        from django.db import connection

        from chengheng.common import preparation

        settings.DEMO = True  # the invented inspectors are demonstration users

        for step in preparation.steps(demo=False):
            step.run()
        with connection.cursor() as cursor:
            cursor.execute(f"truncate {MOST} cascade")
        shutil.rmtree(settings.FILE_STORE, ignore_errors=True)
        from chengheng.cleanliness import reference

        reference.load()
        year(report)


def _backend_seconds(pid: int) -> float:
    """Processor seconds of a process of this machine so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def caller(user: Any, spent: Counter[str], asked: Counter[str]) -> Any:
    """The phone of this person: JSON and photos by the API; processor seconds and requests of each kind are added up."""
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
        what = {"photos": "photos", "checks": "check", "sign": "signature"}.get(url.rsplit("/", 1)[-1], "day")
        started = time.process_time()
        if method == "GET":
            answer = client.get(url)
        elif isinstance(body, list):
            sent = [SimpleUploadedFile("photo.jpg", one, "image/jpeg") for one in body]
            answer = client.post(url, {"photo": sent})
        else:
            answer = client.post(url, json.dumps(body), content_type="application/json")
        spent[what] += time.process_time() - started
        asked[what] += 1
        assert answer.status_code in (200, 201), answer.content
        return answer.json()

    return call


def town(chance: random.Random) -> Any:
    """Roads in the sixteen districts, teams of two, a calibrated scale, an example adopted as the rules."""
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


def work_month(month: int, teams: dict[int, list[Any]], district_of: dict[str, str], answer: Any) -> None:
    """What one process does: the days of its teams in this month. Sends its own count and what it spent."""
    from django.db import connection

    from chengheng.cleanliness import actions, simulate
    from chengheng.cleanliness.models import PlanItem
    from chengheng.common.people.access import SYSTEM

    spent: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    count: Counter[str] = Counter()
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        backend = cursor.fetchone()[0]
    own, base = time.process_time(), _backend_seconds(backend)
    truth, picture = simulate.Truth(), itertools.count(secrets.randbits(60))
    for users in teams.values():
        chance = random.Random(secrets.randbits(60))
        inspector, witness = (caller(user, spent, asked) for user in users)
        first, last = (
            date(month // 100, month % 100, 1),
            date(month // 100 + month % 100 // 12, month % 100 % 12 + 1, 1),
        )
        for day in (first + timedelta(days=n) for n in range((last - first).days)):
            for item in inspector("GET", f"{simulate.API}/day?day={day}"):
                wet = chance.random() < WET and day + timedelta(days=1) < last
                made = simulate.check_by_phone(
                    inspector, witness, item, truth, chance, picture, district=district_of[item["code"]], wet=wet
                )
                if wet:
                    assert made["state"] == "excluded"
                    count["wet"] += 1
                    planned = PlanItem.objects.get(pk=item["id"])
                    actions.move_item(planned, SYSTEM, day=day + timedelta(days=1), reason="雨后路面潮湿，顺延一日")
                    continue
                assert made["state"] in ("result", "signed"), made
                count["checks"] += 1
                count["points"] += len(item["points"])
                count["least"] = min(count["least"] or 99, len(item["points"]))
    answer.send((spent, asked, count, time.process_time() - own, _backend_seconds(backend) - base))


def year(report: Report) -> None:
    from django.db import connection, connections

    from chengheng.cleanliness import actions, queries, simulate
    from chengheng.cleanliness.models import Check, Plan, PlanItem, Point, Result, Road, RuleSet
    from chengheng.common.measures import Period, evaluate
    from chengheng.common.people.access import SYSTEM

    clock: dict[str, list[float]] = defaultdict(list)

    def timed(what: str, act: Any) -> Any:
        started = time.perf_counter()
        answer = act()
        clock[what].append(time.perf_counter() - started)
        return answer

    people, rows = town(random.Random(2024))
    shares = [dict(list(people.items())[n::CLIENTS]) for n in range(CLIENTS)]
    district_of = {row["code"]: row["district_code"] for row in rows}
    of_district = defaultdict(list)
    for row in rows:
        of_district[row["district_code"]].append(row)
    truth = simulate.Truth()
    real = {code: truth.mean(found) for code, found in of_district.items()}
    city = truth.mean(rows)
    size_before = _bytes(connection)
    spent, asked, count = Counter[str](), Counter[str](), Counter[str]()
    cost: list[float] = []
    held: list[bool] = []
    city_held: list[bool] = []
    fork = multiprocessing.get_context("fork")
    began = time.perf_counter()
    for month in range(202401, 202401 + MONTHS):
        if cost and (time.perf_counter() - began) * (1 + 1 / len(cost)) > MINUTES * 60:
            print(f"  no time for {month}: {len(cost)} of {MONTHS} months run", flush=True)
            break
        plan = timed("draw", lambda month=month: actions.make_plan(SYSTEM, month=month, size=CHECKS, seed="bench"))
        timed("routes", lambda plan=plan: actions.route_plan(plan, SYSTEM, milliseconds=100))
        timed("seal", lambda plan=plan: actions.seal_plan(plan, SYSTEM))
        days = sorted(set(plan.items.values_list("day", flat=True)))
        if len(days) > 5:
            timed("a rainy day planned again", lambda plan=plan, days=days: actions.replan_day(
                plan, SYSTEM, day=days[3], to=days[4], reason="降雨", milliseconds=100))  # fmt: skip
        connections.close_all()
        ends, workers = [], []
        for share in shares:
            end, other = fork.Pipe(duplex=False)
            worker = fork.Process(target=work_month, args=(month, share, district_of, other))
            worker.start()
            other.close()
            ends.append(end)
            workers.append(worker)
        used = made = 0.0
        for end in ends:
            one_spent, one_asked, one_count, client, backend = end.recv()
            spent.update(one_spent)
            asked.update(one_asked)
            least = min(filter(None, (count["least"], one_count.pop("least", 0))), default=0)
            count.update(one_count)
            count["least"] = least
            used, made = used + client + backend, made + one_count["checks"]
            spent["database"] += backend
        for worker in workers:
            worker.join()
            assert worker.exitcode == 0
        cost.append(used / made)
        odd = list(Point.objects.filter(flagged=True, confirmed="", check_of__month=month))
        count["outliers"] += len(odd)
        for point in odd:
            timed("an outlier decided", lambda p=point: actions.confirm_outlier(p, SYSTEM, reason="现场照片确认"))
        actions.enter_cost(SYSTEM, month=month, amount_fen=COST_FEN * CHECKS, source="bench")
        bulletin = timed("bulletin", lambda month=month: actions.publish_bulletin(SYSTEM, month=month))
        whole = queries.city_mean([month])
        assert whole is not None
        assert whole.low is not None
        assert whole.high is not None
        city_held.append(whole.low <= city <= whole.high)
        for code, found in queries.district_means([month]).items():
            held.append(found.low is not None and found.high is not None and found.low <= real[code] <= found.high)
        assert bulletin.content["checks"] == made, bulletin.content["checks"]
        print(f"  {month}: {made:.0f} checks, {cost[-1]:.3f} s each, city {whole.low:.2f}–{whole.high:.2f} "
              f"(true {city:.2f}), {time.perf_counter() - began:.0f} s so far", flush=True)  # fmt: skip
    ran = len(cost)
    months = [one.month for one in Plan.objects.all()]
    ranked = timed("ranking of all months", lambda: queries.district_ranking(months))
    over = queries.district_means(months)
    year_held = sum((e.low or 0) <= real[code] <= (e.high or 0) for code, e in over.items())
    other = RuleSet.objects.get(name__startswith="示例：淄博")
    timed("year judged by another rule set", lambda: actions.recompute(other, SYSTEM, months=months))
    judged = Result.objects.filter(official=False, rule_set=other).count()
    planned = ran * CHECKS
    assert count["checks"] == planned == Check.objects.filter(state="result").count(), count
    assert Check.objects.filter(state="excluded").count() == count["wet"]
    assert Point.objects.filter(check_of__state="result", value__isnull=False).count() == count["points"]
    assert Road.objects.filter(active=True).count() == ROADS
    assert judged == planned
    assert all(actions.redraw(one) for one in Plan.objects.all())
    last = date(2024 + ran // 12, ran % 12 + 1, 1) - timedelta(days=1)
    period = Period(date(2024, 1, 1), last)
    measured = {name: evaluate(f"cleanliness.{name}", period).value
                for name in ("road_checks", "points_minimum", "points_share", "by_plan", "cost_per_check")}  # fmt: skip
    own = {"road_checks": count["checks"], "points_minimum": count["least"], "points_share": 100, "by_plan": 100,
           "cost_per_check": Decimal(COST_FEN) / 100}  # fmt: skip
    same = sum(measured[name] == own[name] for name in own)
    drawn = Counter(PlanItem.objects.values_list("road__district_code", flat=True))
    fair = [drawn[code] / len(of_district[code]) / (planned / ROADS) for code in of_district]
    size = f"{ran} × {CHECKS} checks, {ROADS:,} roads, {CLIENTS} clients"
    report.line("a check by the phone API, processor seconds", sum(cost) / len(cost), "s", size)
    report.line("of it the database", spent["database"] / planned, "s")
    for what in ("photos", "check", "signature", "day"):
        report.line(f"request: {what}", 1000 * spent[what] / asked[what], "ms CPU", f"{asked[what]:,} of them")
    report.line("a check in the last month ÷ in the first", cost[-1] / cost[0], "×", " ".join(f"{c:.3f}" for c in cost))
    for what in ("draw", "routes", "seal", "a rainy day planned again", "bulletin"):
        if clock[what]:
            report.line(f"a month's {what}", sum(clock[what]) / ran, "s", f"longest {max(clock[what]):.2f} s")
    report.line("ranking of all months", clock["ranking of all months"][0], "s", f"{len(ranked)} districts")
    report.line(
        "year judged by another rule set", clock["year judged by another rule set"][0], "s", f"{judged:,} checks"
    )
    report.line("database a check", (_bytes(connection) - size_before) / planned / 1024, "KiB")
    report.line(
        "districts × months whose interval holds the truth",
        sum(held),
        f"of {len(held)}",
        f"{sum(held) / len(held):.1%}",
    )
    report.line("months whose city interval holds the truth", sum(city_held), f"of {ran}")
    report.line("districts whose interval of all months does", year_held, f"of {len(over)}")
    report.line("measures equal to the phones' own count", same, f"of {len(own)}",
                ", ".join(f"{name} {value}" for name, value in measured.items()))  # fmt: skip
    report.line("bulletins", ran, "", f"{count['outliers']} outliers decided, {count['wet']} roads wet, checked later")
    report.line("a district's share of checks ÷ of roads", min(fair), "least", f"most {max(fair):.3f}")
    assert same == len(own), (measured, own)


def _bytes(connection: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def main() -> None:
    report = Report(Path(__file__).stem)
    run(report)

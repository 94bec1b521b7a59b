"""Dust weighing: draw a month from 50,000 roads, route 20 teams, judge years anew under other limits at 1×, 10×, 100×.

Years are judged twice over: in memory (the rule alone), and as a site does it, from stored points to stored results
with the page that compares them. Seconds are processor seconds; those of the database's backend are beside them.
CHENGHENG_BENCH_SCALES="1,10" (default; "1,10,100" for a hundred years of 6,500 checks, 3.9 million points);
CHENGHENG_BENCH_ROUTE_S the solver's seconds. What must hold: ten times the years cost ten times the processor, no more.
"""

from __future__ import annotations

import os
import random
import time
from decimal import Decimal

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chengheng.project.settings")

from benchmarks.cleanliness_year import _backend_seconds
from benchmarks.limits import site
from benchmarks.report import Report
from chengheng.cleanliness.rules.estimation import Stratum, estimate
from chengheng.cleanliness.rules.examples import EXAMPLES
from chengheng.cleanliness.rules.routing import route
from chengheng.cleanliness.rules.sampling import FrameRoad, draw, frame_digest
from chengheng.cleanliness.rules.weighing import RuleTable, judge

YEAR, MONTHS, ROADS = 6_500, 12, 3_000
SCALES = [int(one) for one in os.environ.get("CHENGHENG_BENCH_SCALES", "1,10").split(",")]
LANES = ("fast", "fast", "kerb", "kerb", "pavement", "pavement")


def _frame(count: int) -> list[FrameRoad]:
    return [FrameRoad(f"R{n:06}", f"1201{n % 16 + 1:02}", 1 + n // 16 % 4, n % 3, n % 11 == 0) for n in range(count)]


def _checks(count: int, chance: random.Random) -> list[list[tuple[str, Decimal]]]:
    grams = [Decimal(number).scaleb(-3) for number in range(30_000)]
    found = []
    for _number in range(count):
        level = chance.lognormvariate(1.6, 0.3)
        found.append([(lane, grams[int(1000 * level * chance.uniform(0.6, 1.5)) % 30_000]) for lane in LANES])
    return found


def run(report: Report) -> None:
    roads = _frame(50_000)
    started = time.process_time()
    drawn = draw(roads, 550, "bench")
    report.line(
        "draw a month of 550 from 50,000 roads", time.process_time() - started, "s CPU", f"{len(drawn.codes)} drawn"
    )
    started = time.process_time()
    frame_digest(roads)
    report.line("digest of that frame", time.process_time() - started, "s CPU")

    chance = random.Random(7)
    stops = [(117.0 + chance.random() * 0.5, 38.9 + chance.random() * 0.4) for _ in range(120)]
    depots = [(117.1 + chance.random() * 0.2, 39.0 + chance.random() * 0.2) for _ in range(20)]
    seconds = float(os.environ.get("CHENGHENG_BENCH_ROUTE_S", "5"))
    started = time.process_time()
    found = route(stops, depots, milliseconds=int(seconds * 1000))
    took = time.process_time() - started
    balance = max(found.minutes) * len(found.minutes) / sum(found.minutes)
    spread = f"longest ÷ mean {balance:.2f}; {min(found.minutes)} to {max(found.minutes)} min, solved {found.solved}"
    report.line("route 20 teams over 120 roads", took, "s CPU", spread)

    estimate([Stratum(3000, [1.0, 2.0])])  # loads scipy
    table = RuleTable(EXAMPLES[0].limits)
    for scale in SCALES:
        spent = missed = 0.0
        values: list[float] = []
        for _year in range(scale):  # a year at a time, so that the machine's memory is not what is measured
            checks = _checks(YEAR, chance)
            started = time.process_time()
            judged = [judge(points, 1, "inner", table) for points in checks]
            spent += time.process_time() - started
            missed += sum(one.verdict == "missed" for one in judged)
            values += [float(one.value or 0) for one in judged]
        note = f"{missed / len(values):.0%} missed"
        report.line(f"judge a year anew under other limits, {scale}×", spent, "s CPU", note)
        started = time.process_time()
        estimate([Stratum(3000 * scale, values[k::64]) for k in range(64)])
        report.line(f"weighted mean and interval of that year, {scale}×", time.process_time() - started, "s CPU")
    with site():
        stored(report)


def stored(report: Report) -> None:
    """The same from the database and back into it, and the page that sets it beside the rules of the day."""
    from django.db import connection

    from chengheng.cleanliness import actions, queries, reference
    from chengheng.cleanliness.models import RuleSet
    from chengheng.common.people.access import SYSTEM

    with connection.cursor() as cursor:
        cursor.execute("truncate cleanliness_road, cleanliness_plan, cleanliness_ruleset cascade")
    reference.load()
    rules = RuleSet.objects.get(name__contains="淄博")
    pid = connection.connection.info.backend_pid
    costs: dict[str, list[float]] = {}
    for scale in SCALES:
        months = fill(scale)

        def compare(months: list[int] = months) -> None:
            found = queries.comparison(rules, months)
            assert found["sides"][0].checks == found["sides"][1].checks == YEAR // MONTHS * len(months)

        works = {
            "work out a year under another rule set": lambda months=months: actions.recompute(rules, SYSTEM, months=months),
            "do so again": lambda months=months: actions.recompute(rules, SYSTEM, months=months),
            "set it beside the rules of the day": compare,
            "a month's results page": lambda months=months: queries.month_summary(months[-1]),
        }  # fmt: skip
        for what, work in works.items():
            wall, own, base = time.perf_counter(), time.process_time(), _backend_seconds(pid)
            work()
            wall, own = time.perf_counter() - wall, time.process_time() - own
            base = _backend_seconds(pid) - base
            costs.setdefault(what, []).append(own + base)
            note = f"{own:.2f} Python, {base:.2f} database; {wall:.1f} s on the clock"
            report.line(f"{what}, {scale}×", own + base, "s CPU", note)
    if len(SCALES) > 1:
        for what, spent in costs.items():
            grown = SCALES[-1] / SCALES[0]
            report.line(f"{what}: {grown:.0f} × the years cost", spent[-1] / max(spent[0], 0.01), "×")


def fill(scale: int) -> list[int]:
    """So many years of checks with results, and no others; their months, the first first. All invented."""
    from django.db import connection

    from chengheng.common.people.models import Organisation, User

    unit, _made = Organisation.objects.get_or_create(code="BENCH", defaults={"name": "Bench", "kind": "contractor"})
    pair = [
        User.objects.get_or_create(username=f"bench_clean{n}", defaults={"organisation": unit, "password": "!"})[0].pk
        for n in (1, 2)
    ]
    years = range(2025 - scale, 2025)
    months = [year * 100 + month for year in years for month in range(1, MONTHS + 1)]
    each = YEAR // MONTHS
    numbers = {"unit": unit.pk, "one": pair[0], "two": pair[1], "each": each, "all": each * len(months), "roads": ROADS}
    with connection.cursor() as cursor:
        cursor.execute("set session_replication_role = replica")  # no look at each foreign key
        cursor.execute("truncate cleanliness_road, cleanliness_plan cascade")
        cursor.execute(_ROADS, numbers)
        cursor.execute(_PLANS, {**numbers, "months": months})
        for statement in (_ITEMS, _CHECKS, _POINTS, _RESULTS):
            cursor.execute(statement, numbers)
        cursor.execute("set session_replication_role = origin")
        cursor.execute("vacuum analyze")
    return months


_ROADS = """
insert into cleanliness_road (id, code, name, district_code, grade, road_class, zone, contractor_id, line, length_m, lanes,
    active, version)
select n, 'B' || n, 'Bench ' || n, '1201' || lpad((n %% 16 + 1)::text, 2, '0'), n / 16 %% 4 + 1, 'trunk', 'inner', %(unit)s,
    '[[117.2, 39.1], [117.21, 39.11]]', 1400, '{fast,kerb,pavement}', true, 1
from generate_series(1, %(roads)s) n
"""
_PLANS = """
insert into cleanliness_plan (id, month, size, seed, method, gap_days, frame, frame_digest, strata, short, routed, made_at,
    sealed_at, seal)
select row_number() over (), month, %(each)s, 'bench', 'rotation-1', 30, '[]', '',
    (select jsonb_object_agg(district_code || '-' || grade, jsonb_build_array(roads, 8)) from
     (select district_code, grade, count(*) roads from cleanliness_road group by 1, 2) s), 0, 'solver', now(), now(), ''
from unnest(%(months)s) month
"""
_ITEMS = """
insert into cleanliness_planitem (id, plan_id, road_id, road_version, stratum, day, first_day, position, points, moves, reason)
select n, n / %(each)s + 1, n %% %(roads)s + 1, 1, r.district_code || '-' || r.grade, d.day, d.day, 0, '[]', 0, ''
from generate_series(0, %(all)s - 1) n join cleanliness_road r on r.id = n %% %(roads)s + 1
join cleanliness_plan p on p.id = n / %(each)s + 1
cross join lateral (select make_date(p.month / 100, p.month %% 100, n %% 28 + 1) as day) d
"""
_CHECKS = """
insert into cleanliness_check (id, item_id, road_id, road_version, district_code, grade, zone, contractor_id, month,
    inspector_id, witness_id, signed_at, arrived_at, arrived_lon, arrived_lat, arrived_off_m, done_at, received_at, weather,
    surface, exclusion, frame_area_m2, on_time, value, verdict, score, valid_points, concluded_at, state, state_since,
    alert_level, version, frame_decided)
select i.id, i.id, r.id, 1, r.district_code, r.grade, r.zone, r.contractor_id, p.month, %(one)s, %(two)s, t.at, t.at, 117.2,
    39.1, 3, t.at, t.at, 'clear', 'dry', '', 0.24, true, 6 + i.id %% 5, case when i.id %% 2 = 0 then 'met' else 'missed' end,
    100 - i.id %% 5 * 10, 6, t.at, 'result', t.at, 0, 1, ''
from cleanliness_planitem i join cleanliness_road r on r.id = i.road_id join cleanliness_plan p on p.id = i.plan_id
cross join lateral (select i.day + interval '4 hours' as at) t
"""
_POINTS = """
insert into cleanliness_point (check_of_id, number, lane, side, planned_lon, planned_lat, lon, lat, moved_m, moved_reason,
    taken_at, gross_g, tare_g, value, round, flagged, confirmed, void_reason)
select c.id, n, (array['fast', 'fast', 'kerb', 'kerb', 'pavement', 'pavement'])[n], 'left', 117.2, 39.1, 117.2, 39.1, 0, '',
    c.done_at, 10, 8.5, 2 + (c.id * 7 + n * 13) %% 9000 / 1000.0, 1, false, '', ''
from cleanliness_check c cross join generate_series(1, 6) n
"""
_RESULTS = """
insert into cleanliness_result (check_of_id, verdict, value, by_lane, score, valid_points, deduction_fen, official, at)
select id, verdict, value, '{}', score, 6, case when verdict = 'missed' then 20000 else 0 end, true, done_at
from cleanliness_check
"""

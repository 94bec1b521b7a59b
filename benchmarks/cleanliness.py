"""Dust weighing: draw a month from 50,000 roads, route 20 teams, judge a year anew under other limits at 1×, 10×, 100×.

Seconds are processor seconds. CHENGHENG_BENCH_SCALES="1,10,100" chooses the multiples (default 1,10); CHENGHENG_BENCH_ROUTE_S the solver's seconds.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from decimal import Decimal

from benchmarks.report import Report
from chengheng.cleanliness.rules.estimation import Stratum, estimate
from chengheng.cleanliness.rules.examples import EXAMPLES
from chengheng.cleanliness.rules.routing import route
from chengheng.cleanliness.rules.sampling import FrameRoad, draw, frame_digest
from chengheng.cleanliness.rules.weighing import RuleTable, judge

YEAR = 6_500


def _frame(count: int) -> list[FrameRoad]:
    return [FrameRoad(f"R{n:06}", f"1201{n % 16 + 1:02}", 1 + n // 16 % 4, n % 3, n % 11 == 0) for n in range(count)]


def _checks(count: int, chance: random.Random) -> Iterator[list[tuple[str, Decimal]]]:
    for _number in range(count):
        level = chance.lognormvariate(1.6, 0.3)
        yield [
            (lane, Decimal(f"{level * chance.lognormvariate(0, 0.25):.3f}"))
            for lane in ("fast", "fast", "kerb", "kerb", "pavement", "pavement")
        ]


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

    table = RuleTable(EXAMPLES[0].limits)
    for scale in map(int, os.environ.get("CHENGHENG_BENCH_SCALES", "1,10").split(",")):
        spent = missed = 0.0
        values: list[float] = []
        for points in _checks(YEAR * scale, chance):
            started = time.process_time()
            judged = judge(points, 1, "inner", table)
            spent += time.process_time() - started
            missed += judged.verdict == "missed"
            values.append(float(judged.value or 0))
        note = f"{missed / len(values):.0%} missed"
        report.line(f"judge a year anew under other limits, {scale}×", spent, "s CPU", note)
        started = time.process_time()
        estimate([Stratum(3000, values[k::64]) for k in range(64)])
        report.line(f"weighted mean and interval of that year, {scale}×", time.process_time() - started, "s CPU")

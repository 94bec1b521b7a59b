"""Twenty ledger rules over a million voucher lines and more: the product's SQL beside polars on parquet, in one run.

The lines are of a commission's units, each asked about one month (February) that holds nine tenths of its lines; the rest
is of the year before. Faults of each rule are sown thinly. They are loaded by COPY (an import of ten million lines would
take most of an hour; what importing costs is in `finance_month`). SQL's figure holds all that a site does to ask: laying
out each unit's tables, twenty rules a unit, the findings in the product's words. The findings must be the same, row for
row. CHENGHENG_BENCH_SCALE (default "1x200000,60x16667"; the issue's are "60x16667,60x166667", units x lines of each) and
CHENGHENG_BENCH_RULES=1 prints each rule's clock on either side. Everything is rolled back.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.finance_month import timed
from benchmarks.limits import site
from benchmarks.report import Report

YEAR, MONTH = 2024, 2
_ITEMS = (
    ("30201", "购办公用品"), ("30209", "物业管理费"), ("30205", "水费"), ("30206", "电费"), ("30213", "维修费"),
    ("30227", "委托业务费"), ("30217", "公务接待用餐"), ("30231", "公务车保险"),
)  # fmt: skip


def run(report: Report) -> None:
    with site():
        for size in os.environ.get("CHENGHENG_BENCH_SCALE", "1x200000,60x16667").split(","):
            units, each = map(int, size.split("x"))
            measure(report, units, each)


def measure(report: Report, units: int, each: int) -> None:
    import polars as pl
    from django.db import connection, transaction

    from benchmarks import finance_peers
    from benchmarks.finance_month import _unit
    from chengheng.common.calendars.models import current_calendar
    from chengheng.finance import engine
    from chengheng.finance.models import EvidenceBatch
    from chengheng.finance.rules.catalogue import econ_sets, rules

    sets, calendar = econ_sets(), current_calendar()
    days = [date(YEAR, MONTH, 1) + timedelta(days=n) for n in range(29)]
    free = tuple(one for one in days if not (calendar.is_working(one) if calendar.covers(one) else one.weekday() < 5))
    asked = finance_peers.Asked(
        YEAR, MONTH, free, sets["card"], {item: codes for item, codes in sets.items() if item != "card"}
    )
    peers = finance_peers.peers(asked)
    with tempfile.TemporaryDirectory() as folder, transaction.atomic(), _every_finding(engine):
        path, number, first = Path(folder), 0, 1_000_000_000
        owners, began = [], time.perf_counter()
        for n in range(units):
            unit = _unit(f"{units}x{each}-{n}")
            owners.append(unit)
            frame = _lines(n, each, first + number, free).with_columns(unit=pl.lit(unit.pk, pl.Int64))
            batches = {}
            for year, period, rows in frame.group_by("year", "period").len().sort("year", "period").rows():
                batches[year, period] = EvidenceBatch.objects.create(
                    unit=unit,
                    kind="lines",
                    year=year,
                    period=period,
                    number=1,
                    sha256="bench",
                    origin="bench",
                    rows=rows,
                ).pk
            _store(connection, frame, batches)
            frame.select(finance_peers.COLUMNS).write_parquet(path / f"{n:03}.parquet")
            number += frame.height
        with connection.cursor() as cursor:
            cursor.execute("analyze finance_line")
        loaded = time.perf_counter() - began
        size = sum(one.stat().st_size for one in path.iterdir()) / 1e6
        report.line(
            f"{number:,} lines of {units} units", loaded, "s", f"made and loaded by COPY; {size:.0f} MB of parquet"
        )
        found: dict[str, set[finance_peers.Key]] = defaultdict(set)
        with timed() as sql:
            said = [(unit, answer) for unit in owners for answer in engine.ask(unit, YEAR, MONTH, peers)]
        for unit, answer in said:
            for one in answer.found:
                found[answer.rule.code].add(finance_peers.key(unit.pk, answer.rule.code, one.row_ids, one.amount_fen))
        beside: dict[str, set[finance_peers.Key]] = {}
        clocks = {}
        with timed() as polars:
            tables = {}
            for code, peer in peers.items():
                began = time.perf_counter()
                values = {name: Decimal(value) for name, value in rules()[code].defaults.items()}
                tables[code] = peer(pl.scan_parquet(path / "*.parquet"), values).collect(engine="streaming")
                clocks[code] = time.perf_counter() - began
        for code, table in tables.items():
            beside[code] = finance_peers.keys(table)
        if os.environ.get("CHENGHENG_BENCH_RULES"):
            _rule_by_rule(engine, owners[0], clocks)
        transaction.set_rollback(True)
    same = sum(found[code] == beside[code] for code in peers)
    flags = sum(map(len, beside.values()))
    report.line("  twenty rules, the product's SQL", sql["clock"], "s", f"{sql['processor']:.2f} s of processor, laying out included")  # fmt: skip
    report.line("  the same twenty, polars on parquet", polars["clock"], "s",
                f"{polars['processor']:.2f} s of processor; {same} of {len(peers)} answers the same, {flags:,} findings")  # fmt: skip
    report.line("  SQL's processor time ÷ polars'", sql["processor"] / max(polars["processor"], 0.01), "times",
                f"by the clock {sql['clock'] / max(polars['clock'], 0.01):.1f}")  # fmt: skip
    for code in peers:
        if found[code] != beside[code]:
            print(f"      {code}: SQL {len(found[code])}, polars {len(beside[code])}", flush=True)
            for who, more in (("SQL", found[code] - beside[code]), ("polars", beside[code] - found[code])):
                print(f"        only {who}: {sorted(more, key=str)[:3]}", flush=True)
        elif not found[code]:
            print(f"      {code} found nothing", flush=True)
    assert same == len(peers), "the two sides do not find the same"


@contextmanager
def _every_finding(engine: Any) -> Iterator[None]:
    """A rule's findings beyond the most that a site keeps too, so that all can be compared."""
    most, engine.MOST_FINDINGS = engine.MOST_FINDINGS, 100_000_000
    try:
        yield
    finally:
        engine.MOST_FINDINGS = most


def _lines(n: int, number: int, first: int, free: tuple[date, ...]) -> Any:
    """One unit's lines as a frame: vouchers of cost and bank, expenditure and budget balance, and faults among them."""
    import numpy as np
    import polars as pl

    chance = np.random.default_rng(n)
    v = number // 4
    working = [one for d in range(29) if (one := date(YEAR, MONTH, 1) + timedelta(days=d)) not in free]
    share = chance.random(v)
    before, december = share < 0.05, (share >= 0.05) & (share < 0.10)
    days = np.array(working, "datetime64[D]")[chance.integers(0, len(working), v)]
    days[before] = np.datetime64(f"{YEAR - 1}-{MONTH:02}-15") + chance.integers(0, 5, before.sum())
    days[december] = np.datetime64(f"{YEAR - 1}-12-11") + chance.integers(0, 5, december.sum())

    def sown(rate: float) -> Any:
        return chance.random(v) < rate

    weekend = sown(0.0002) & ~before & ~december
    days[weekend] = np.array(free, "datetime64[D]")[chance.integers(0, len(free), weekend.sum())]
    party = chance.integers(0, 400, v)
    item = party % len(_ITEMS)
    strayed = sown(0.0003)
    item[strayed] = chance.integers(0, len(_ITEMS), strayed.sum())
    fen = chance.lognormal(11, 1.2, v).astype("int64") + 100
    if n % 10 == 7:
        fen = fen // 10 * 10 + 7_000_000  # amounts that nature does not make
    by_cash = sown(0.004)
    fen[by_cash] = chance.integers(10_000, 104_000, by_cash.sum())
    round_ = sown(0.0003)
    fen[round_] = 5_000_000 * chance.integers(1, 9, round_.sum())
    large = sown(0.0001)
    party[large], fen[large] = 400 + np.arange(large.sum()) // 8, 60_000 + chance.integers(0, 900, large.sum())
    fen[np.flatnonzero(large)[3::8]] = 9_000_000
    serial = np.arange(v)
    again = np.flatnonzero(sown(0.0002))
    again = again[again > 3]
    source = again - chance.integers(1, 4, again.size)  # the same bill once more
    party[again], fen[again], item[again], by_cash[again] = party[source], fen[source], item[source], by_cash[source]
    bill = np.where(chance.random(v) < 0.7, serial, -1)
    bill[again] = bill[source]
    econ = np.array([code for code, _words in _ITEMS])[item]
    words = np.array([text for _code, text in _ITEMS], object)[item]
    for rate, text in ((0.0001, "值班费"), (0.0001, "接待宴请"), (0.0001, "会议费")):
        words[sown(rate)] = text
    reversed_ = np.flatnonzero(sown(0.0003) & ~before & ~december)
    old = np.flatnonzero(december)
    reversed_ = reversed_[: old.size]
    fen[reversed_], item_of = fen[old[: reversed_.size]], item[old[: reversed_.size]]
    econ[reversed_] = np.array([code for code, _words in _ITEMS])[item_of]
    red = np.zeros(v, bool)
    red[reversed_] = True
    words[red] = "冲销上年支出"
    makers = np.array(["甲", "乙", "丙", "丁"], object)[chance.integers(0, 4, v)]
    heads = pl.DataFrame(
        {
            "n": serial, "day": days, "summary": pl.Series(words.tolist(), dtype=pl.String),
            "econ": pl.Series(econ.tolist()), "fen": fen, "cash": by_cash, "red": red, "bill": bill,
            "party": [f"供应商{one:03}" for one in party], "project": [f"项目{one:02}" for one in chance.integers(0, 12, v)],
            "attachments": np.where(sown(0.0002), 0, 1), "maker": makers.tolist(), "alone": sown(0.0002),
            "uneven": sown(0.0002), "single": sown(0.0002), "gap": np.cumsum(sown(0.0002).astype(int) - sown(0.0001)), "owed": sown(0.0002),
        }
    )  # fmt: skip
    c, lit = pl.col, pl.lit
    heads = heads.with_columns(no=pl.int_range(1, pl.len() + 1).over(c("day").dt.year(), c("day").dt.month()))
    kept = {"n", "no", "day", "summary", "econ", "bill", "party", "project", "attachments", "maker", "alone", "gap"}
    bank = pl.when(c("cash")).then(lit("1001")).otherwise(lit("1002"))
    debit, credit = pl.when("red").then(0).otherwise("fen"), pl.when("red").then("fen").otherwise(0)
    owed = c("owed") & ~c("red")
    four = (
        (1, heads.filter(~owed), "5001" + c("econ"), debit, credit),
        (2, heads.filter(~owed), bank, credit, debit),
        (3, heads.filter(~owed & ~c("single")), "7201" + c("econ"), debit + c("uneven").cast(pl.Int64), credit),
        (4, heads.filter(~owed & ~c("single")), lit("8001"), credit, debit),
        (1, heads.filter(owed).with_columns(summary=lit("场地租金")), bank, c("fen"), lit(0)),
        (2, heads.filter(owed).with_columns(summary=lit("场地租金")), lit("2307"), lit(0), c("fen")),
    )
    parts = [f.select(*sorted(kept), account=a, debit_fen=d.cast(pl.Int64), credit_fen=k.cast(pl.Int64), line=lit(line, pl.Int64))
             for line, f, a, d, k in four]  # fmt: skip
    f = pl.concat(parts).sort("n", "line")
    return f.select(
        id=first + pl.int_range(pl.len(), dtype=pl.Int64), year=c("day").dt.year().cast(pl.Int64),
        period=c("day").dt.month().cast(pl.Int64), day=c("day").cast(pl.Date), word=lit("记"),
        number=(c("no") + c("gap")).cast(pl.String), line="line", summary="summary", account="account",
        econ=pl.when(c("account").str.len_chars() > 4).then("econ").otherwise(lit("")), project="project", party="party",
        debit_fen="debit_fen", credit_fen="credit_fen",
        invoice=pl.when(c("bill") >= 0).then(c("bill").cast(pl.String).str.zfill(8)).otherwise(lit("")),
        attachments=c("attachments").cast(pl.Int64), maker="maker",
        reviewer=pl.when("alone").then("maker").otherwise(lit("戊")), poster=lit("己"), cashier=lit("庚"),
    )  # fmt: skip


def _store(connection: Any, frame: Any, batches: dict[tuple[int, int], int]) -> None:
    """The lines into the product's table, under their batches."""
    import polars as pl

    place = pl.DataFrame(
        [(*key, batch) for key, batch in batches.items()], schema=["year", "period", "batch_id"], orient="row"
    )
    rows = frame.join(place, on=["year", "period"]).rename({"unit": "unit_id"}).with_columns(
        row=pl.int_range(pl.len()), account_name=pl.lit(""), void=pl.lit(False))  # fmt: skip
    with connection.cursor() as cursor:
        sql = f"copy finance_line ({', '.join(rows.columns)}) from stdin with (format csv)"
        with cursor.copy(sql) as copy:
            for part in rows.iter_slices(50_000):
                copy.write(part.write_csv(include_header=False, quote_style="non_numeric"))


def _rule_by_rule(engine: Any, unit: Any, clocks: dict[str, float]) -> None:
    """The clock of each statement for the first unit, and of polars for all units."""
    from django.db import connection

    from chengheng.finance.rules.catalogue import rules

    chosen = [rules()[code] for code in clocks]
    batches, given = engine._batches(unit, YEAR, MONTH), engine._given(unit, YEAR, MONTH)
    began = time.perf_counter()
    engine._lay_out(unit, YEAR, MONTH, batches, chosen)
    print(f"      laid out in {time.perf_counter() - began:.3f} s", flush=True)
    for rule in chosen:
        with connection.cursor() as cursor:
            began = time.perf_counter()
            cursor.execute(rule.query(), {**rule.defaults, **given})
            took = time.perf_counter() - began
        print(
            f"      {rule.code} {took * 1000:9.1f} ms; polars, all units {clocks[rule.code] * 1000:9.1f} ms", flush=True
        )
    engine._clear()

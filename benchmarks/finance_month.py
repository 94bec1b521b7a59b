"""One unit's month of voucher lines: imported from a ledger file, checked by every rule and shown; and books as GB/T 24589.

The import is the product's own way from the bytes of a .csv to a batch in force. Beside it, in the same run: a bare
streaming read of the same file, and ten rules over the lines as polars queries on parquet (the answers must agree).
Goal: 20,000 lines imported, checked by all rules and shown in 5 s; ten times the lines cost no more than ten times.

CHENGHENG_BENCH_LINES (default "2000,20000,200000"), CHENGHENG_BENCH_XML_MB (default "10,100"; 1000 is the issue's file).
Processor time is this process and its backend; on a shared machine it is the figure to compare. Everything is rolled back.
"""

from __future__ import annotations

import csv
import io
import os
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.limits import site
from benchmarks.report import Report

YEAR, MONTH = 2024, 6
HEAD = (
    "单位",
    "制单日期",
    "凭证字",
    "凭证号",
    "摘要",
    "科目编码",
    "项目",
    "往来单位",
    "借方金额",
    "贷方金额",
    "附件数",
    "制单人",
    "审核人",
    "记账人",
    "发票号",
)
TEN = ("T01", "T03", "T05", "T06", "T07", "T08", "T09", "T10", "T11", "T12")
_ITEMS = (("30201", "购办公用品"), ("30209", "物业管理费"), ("30205", "水费"), ("30206", "电费"), ("30213", "维修费"), ("30227", "委托业务费"))  # fmt: skip
Line = tuple[date, int, str, str, str, str, int, int, str]


def run(report: Report) -> None:
    with site():
        from django.urls import reverse

        reverse(
            "finance:overview"
        )  # a process that serves has its addresses ready: loading them took 2 s of the first page
        for size in os.environ.get("CHENGHENG_BENCH_XML_MB", "10,100").split(","):
            standard_file(report, int(size))
        for size in os.environ.get("CHENGHENG_BENCH_LINES", "2000,20000,200000").split(","):
            month(report, int(size))


def lines(number: int, months: tuple[int, ...] = (MONTH,)) -> Iterator[Line]:
    """Voucher lines: day, voucher, summary, account, project, party, debit, credit, invoice; four lines a voucher."""
    chance = random.Random(number)
    vouchers = number // 4
    for n in range(vouchers):
        econ, summary = _ITEMS[chance.randrange(len(_ITEMS))]
        fen = int(chance.lognormvariate(11, 1.2)) + 100
        day = date(YEAR, months[n * len(months) // vouchers], 3 + chance.randrange(5) + 7 * chance.randrange(3))
        party, project = f"供应商{chance.randrange(400):03}", f"项目{chance.randrange(12):02}"
        invoice = f"{n:08}" if chance.random() < 0.7 else ""
        for account, debit, credit in (
            (f"5001{econ}", fen, 0),
            ("1002", 0, fen),
            (f"7201{econ}", fen, 0),
            ("8001", 0, fen),
        ):
            yield day, n + 1, summary, account, project, party, debit, credit, invoice


def _unit(name: str) -> Any:
    from chengheng.common.people.access import SYSTEM
    from chengheng.common.people.models import Organisation
    from chengheng.finance import actions, reference

    reference.load()
    place = Organisation.objects.create(code=f"BENCH-{name}", name=f"基准单位{name}", kind="unit")
    return actions.supervise_unit(
        SYSTEM, place, kind="institution", accounting="government", supervised_from=date(2000, 1, 1)
    )


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Fills in "clock" and "processor" (this process and its backend) seconds."""
    from django.db import connection

    def processor() -> float:
        with connection.cursor() as cursor:
            cursor.execute("select pg_backend_pid()")
            backend = cursor.fetchone()[0]
        fields = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()
        return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    found: dict[str, float] = {}
    began, spent = time.perf_counter(), processor()
    yield found
    found |= {"processor": processor() - spent, "clock": time.perf_counter() - began}


def month(report: Report, number: int) -> None:
    """A month of `number` lines in, checked, shown; the rules beside polars."""
    from django.db import transaction

    from chengheng.common.intake import checking
    from chengheng.common.people.access import SYSTEM
    from chengheng.finance import engine, queries
    from chengheng.finance.imports import LedgerImporter

    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEAD)
    for day, voucher, summary, account, project, party, debit, credit, invoice in lines(number):
        money = (f"{one / 100:.2f}" if one else "" for one in (debit, credit))
        writer.writerow((f"基准单位{number}", day.isoformat(), "记", voucher, summary, account, project, party, *money, 1, "甲", "乙", "丙", invoice))  # fmt: skip
    content = text.getvalue().encode("gb18030")
    with transaction.atomic():
        unit = _unit(str(number))
        with timed() as bare:
            assert sum(1 for _row in csv.reader(io.StringIO(content.decode("gb18030")))) == number + 1
        with timed() as read:
            importer = LedgerImporter(SYSTEM)
            found = checking.check(importer, content, "ledger.csv")
            assert not found.problems.count, found.problems.kept[:3]
        with timed() as kept:  # `store_batch` runs the rules that need voucher lines
            importer.commit(found.rows, SimpleNamespace(name="ledger.csv"), SYSTEM)
        with timed() as asked:
            engine.run(unit, YEAR, MONTH)
        with timed() as shown:
            queries.unit_page(SYSTEM, unit)
        whole = {name: read[name] + kept[name] + asked[name] + shown[name] for name in bare}
        report.line(
            f"{number:,} lines in, all rules, shown", whole["clock"], "s", f"{whole['processor']:.2f} s of processor"
        )
        for what, one in (("read and checked", read), ("kept, rules of lines run", kept), ("all 97 rules run again", asked), ("unit's page", shown)):  # fmt: skip
            report.line(f"  {what}", one["clock"], "s", f"{one['processor']:.2f} s of processor")
        report.line("  a bare read of the same .csv", bare["clock"], "s", f"{bare['processor']:.2f} s of processor")
        _beside_polars(report, unit, number)
        transaction.set_rollback(True)


def _beside_polars(report: Report, unit: Any, number: int) -> None:
    """Ten rules over the same lines: the product's SQL (with laying out its tables) and polars on parquet."""
    import polars as pl

    from chengheng.finance import engine
    from chengheng.finance.models import Line as StoredLine
    from chengheng.finance.rules.catalogue import rules

    with timed() as sql:
        said = {one.rule.code: len(one.found) for one in engine.ask(unit, YEAR, MONTH, TEN)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.parquet"
        names = ("id", "year", "period", "day", "word", "number", "summary", "account", "econ", "project", "party", "debit_fen", "credit_fen", "invoice", "attachments", "maker")  # fmt: skip
        source = StoredLine.objects.filter(unit=unit, batch__current=True, void=False).values_list(*names)
        pl.DataFrame(list(source), schema=list(names), orient="row", infer_schema_length=None).write_parquet(path)
        with timed() as polars:
            peers = {code: peer(pl.scan_parquet(path), {**rules()[code].defaults}) for code, peer in _peers(pl).items()}
    assert set(peers) == set(TEN)
    agree = sum(min(peers[code], engine.MOST_FINDINGS) == said[code] for code in TEN)
    report.line(
        "  ten ledger rules, the product's SQL",
        sql["clock"],
        "s",
        f"{sql['processor']:.2f} s of processor, laying out included",
    )
    report.line(
        "  the same ten, polars on parquet",
        polars["clock"],
        "s",
        f"{polars['processor']:.2f} s of processor; {agree} of 10 answers agree",
    )
    for code in TEN:
        if min(peers[code], engine.MOST_FINDINGS) != said[code]:
            print(f"      {code}: SQL {said[code]}, polars {peers[code]}", flush=True)
    report.line("  SQL's processor time ÷ polars'", sql["processor"] / max(polars["processor"], 0.01), "times")


def _peers(pl: Any) -> dict[str, Callable[[Any, dict[str, Any]], int]]:
    """The ten rules as polars queries; each gives the number of findings."""
    c = pl.col
    voucher = ("year", "period", "word", "number")
    bank = c("account").str.contains("^(1001|1002|1011)")

    def fresh(f: Any) -> Any:
        return f.filter((c("year") == YEAR) & (c("period") == MONTH))

    def spend(f: Any) -> Any:
        f = f.filter((c("year") == YEAR) & c("account").str.starts_with("7") & ~c("summary").str.contains("结转"))
        return f.with_columns(fen=c("debit_fen") - c("credit_fen")).filter(c("fen") != 0)

    def count(f: Any) -> int:
        return int(f.select(pl.len()).collect().item())

    def t01(f: Any, _p: dict[str, Any]) -> int:
        sides = fresh(f).with_columns(side=c("account").str.contains("^[678]"))
        sums = sides.group_by(*voucher, "side").agg(d=c("debit_fen").sum(), k=c("credit_fen").sum())
        return count(sums.filter(c("d") != c("k")))

    def t03(f: Any, _p: dict[str, Any]) -> int:
        f = fresh(f).filter(
            c("attachments").is_not_null() & ~c("summary").str.contains("结转|更正|冲销|红冲|计提|折旧")
        )
        return count(f.group_by(voucher).agg(c("attachments").max()).filter(c("attachments") == 0))

    def t05(f: Any, p: dict[str, Any]) -> int:
        taken = f.filter(bank).group_by(voucher).agg(got=c("debit_fen").max()).filter(c("got") > 0)
        paid = f.filter(bank & (c("credit_fen") > 0) & (c("party") != "")).with_columns(
            plain=c("invoice").str.to_uppercase().str.replace_all("[^0-9A-Z]", "").str.strip_chars_start("0"))  # fmt: skip
        pairs = fresh(paid).join(paid, on=["credit_fen", "party"], suffix="_a").join(taken, on=voucher, how="anti")
        apart = (c("day") - c("day_a")).dt.total_days()
        later = (apart > 0) | ((apart == 0) & (c("id_a") < c("id")))
        other = pl.any_horizontal(*(c(name) != c(f"{name}_a") for name in voucher))
        same = pl.when((c("invoice") != "") & (c("invoice_a") != "")).then(c("plain") == c("plain_a")).otherwise(
            (apart <= int(p["days"])) & (c("summary") == c("summary_a")) & ((apart < 20) | (c("period") == c("period_a"))))  # fmt: skip
        return count(pairs.filter(later & other & same))

    def t06(f: Any, p: dict[str, Any]) -> int:
        paid = f.filter((c("year") == YEAR) & bank & (c("party") != "") & (c("credit_fen") >= int(p["min_yuan"]) * 100))
        b = fresh(paid).filter(
            (c("credit_fen") % 10000 != 0) & ~c("summary").str.contains("劳务|专家|评审|讲课|差旅|补助|补贴|工资")
        )
        pairs = b.join(paid, on=["credit_fen", "summary"], suffix="_a")
        near = (c("day") - c("day_a")).dt.total_days().abs() <= int(p["days"])
        return count(pairs.filter(near & (c("party") != c("party_a")) & (c("id") < c("id_a"))))

    def t07(f: Any, p: dict[str, Any]) -> int:
        large = (c("credit_fen") >= int(p["min_yuan"]) * 100) & (c("credit_fen") % (int(p["mod_yuan"]) * 100) == 0)
        return count(fresh(f).filter(bank & large))

    def t08(f: Any, _p: dict[str, Any]) -> int:
        from chengheng.common.calendars.models import current_calendar

        calendar = current_calendar()
        days = fresh(f).filter(~c("summary").str.contains("结转|折旧|计提")).select(c("day").unique()).collect()
        return sum(not (calendar.is_working(one) if calendar.covers(one) else one.weekday() < 5) for one in days["day"])

    def t09(f: Any, _p: dict[str, Any]) -> int:
        before = f.filter((c("period") == 12) & (c("debit_fen") > 0) & c("account").str.contains("^[57]"))
        after = fresh(f).filter(c("period") <= 2)
        pairs = before.with_columns(year=c("year") + 1).join(after, on=["account", "year"], suffix="_b")
        red = (c("debit_fen_b") == -c("debit_fen")) | (
            (c("credit_fen_b") == c("debit_fen")) & c("summary_b").str.contains("冲|红字|更正"))  # fmt: skip
        return count(pairs.filter(red))

    def t10(f: Any, p: dict[str, Any]) -> int:
        import math

        f = f.filter((c("year") == YEAR) & (c("debit_fen") >= 1000) & ~c("account").str.contains("^[678]"))
        heads = f.select(d=c("debit_fen").cast(pl.String).str.slice(0, 2).cast(pl.Int32)).group_by("d").len().collect()
        seen = dict(heads.iter_rows())
        n = sum(seen.values())
        if n < int(p["min_n"]):
            return 0
        mad = sum(abs(seen.get(d, 0) / n - math.log10(1 + 1 / d)) for d in range(10, 100)) / 90
        return int(mad > float(p["mad"]))

    def t11(f: Any, p: dict[str, Any]) -> int:
        f = (
            spend(f)
            .filter((c("party") != "") & (c("fen") > 0))
            .group_by("party")
            .agg(n=pl.len(), top=c("fen").top_k(2).sort(descending=True))
        )
        f = f.filter((c("n") >= 5) & (c("top").list.get(0) >= int(p["min_yuan"]) * 100))
        return count(f.filter(c("top").list.get(0) > int(p["rsf"]) * c("top").list.get(1)))

    def t12(f: Any, p: dict[str, Any]) -> int:
        f = f.filter(
            (c("debit_fen") > c("credit_fen")) & c("account").str.starts_with("7") & ~c("summary").str.contains("结转")
        )
        kinds = (("party", "econ"), ("project", "econ"), ("party", "project"), ("maker", "econ"))
        rare = []
        for a, b in kinds:
            pairs = (
                f.filter((c(a) != "") & (c(b) != ""))
                .group_by(a, b)
                .agg(n=pl.len(), id=c("id").min(), year=c("year").min(), period=c("period").min())
            )
            pairs = pairs.with_columns(of_a=c("n").sum().over(a), of_b=c("n").sum().over(b), whole=c("n").sum())
            expected = (c("of_a") * c("of_b") / c("whole")).round(1) >= float(p["least"])
            rare.append(fresh(pairs.filter((c("n") == 1) & expected)).select("id"))
        return min(int(p["top"]), count(pl.concat(rare).unique()))

    return {
        "T01": t01,
        "T03": t03,
        "T05": t05,
        "T06": t06,
        "T07": t07,
        "T08": t08,
        "T09": t09,
        "T10": t10,
        "T11": t11,
        "T12": t12,
    }


def standard_file(report: Report, megabytes: int) -> None:
    """A year of one unit as a GB/T 24589 XML file of that size: time and peak memory of taking it in."""
    from django.db import transaction
    from lxml import etree

    from chengheng.common.people.access import SYSTEM
    from chengheng.finance import engine, imports

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "books.xml"
        number = _write_standard(path, megabytes * 1_000_000)
        size = path.stat().st_size
        with transaction.atomic():
            unit = _unit(f"xml{megabytes}")
            with timed() as bare, path.open("rb") as stream:
                for _event, element in etree.iterparse(stream, events=("end",), tag="记账凭证", resolve_entities=False):
                    element.clear()
                    while element.getprevious() is not None:
                        del element.getparent()[0]
            before = _peak()
            ruled = {"processor": 0.0, "clock": 0.0}
            run_rules = engine.run

            def run_timed(*given: Any, **more: Any) -> Any:
                with timed() as one:
                    done = run_rules(*given, **more)
                for name, value in one.items():
                    ruled[name] += value
                return done

            engine.run = run_timed
            try:
                with timed() as whole, path.open("rb") as stream:
                    imports.import_24589(SYSTEM, unit, stream, path.name)
            finally:
                engine.run = run_rules
            transaction.set_rollback(True)
    kept = {name: whole[name] - ruled[name] for name in whole}
    report.line(f"GB/T 24589, {size / 1e6:.0f} MB, {number:,} lines kept", kept["clock"], "s",
                f"{kept['processor']:.1f} s of processor, {kept['processor'] / number * 1e6:.0f} µs a line")  # fmt: skip
    report.line(
        "  a bare streaming read of the same file", bare["clock"], "s", f"{bare['processor']:.1f} s of processor"
    )
    report.line("  all rules, 12 periods", ruled["clock"], "s", f"{ruled['processor']:.1f} s of processor")
    report.line("  peak memory of the process", _peak(), "MB", f"{before:.0f} MB before")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _write_standard(path: Path, size: int) -> int:
    """Voucher lines over twelve periods until the file has the size; their number."""
    each = 640
    number = max(48, size // each // 48 * 48)
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<总账>\n')
        for n, (day, voucher, summary, account, project, party, debit, credit, invoice) in enumerate(
            lines(number, tuple(range(1, 13)))
        ):
            fields = {
                "记账凭证日期": day.strftime("%Y%m%d"), "会计年度": YEAR, "会计期间号": day.month, "记账凭证类型编号": "记", "记账凭证编号": voucher,
                "记账凭证行号": n % 4 + 1, "记账凭证摘要": summary, "科目编号": account, "辅助项1编号": project, "辅助项2编号": party,
                "借方本币金额": f"{debit / 100:.2f}", "贷方本币金额": f"{credit / 100:.2f}", "票据号": invoice, "附件数": 1, "制单人": "甲", "审核人": "乙",
                "记账人": "丙", "记账标志": 1, "作废标志": 0,
            }  # fmt: skip
            file.write(
                f"<记账凭证>{''.join(f'<{name}>{value}</{name}>' for name, value in fields.items())}</记账凭证>\n"
            )
        file.write("</总账>\n")
    return number

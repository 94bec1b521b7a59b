"""Twenty ledger rules of supervision a second time, as polars queries over voucher lines in one frame.

Written as somebody at home in polars would: lazy, sums first and rows joined back for what is found, all units at once.
They say what the product's SQL (`chengheng/finance/rules/sql`) says, row for row: a finding is its unit, the ids of its
rows and its amount. Units are of the government's accounting. Not a benchmark itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from polars import col as c

COLUMNS = (
    "id", "unit", "year", "period", "day", "word", "number", "summary", "account", "econ", "project", "party", "debit_fen",
    "credit_fen", "invoice", "attachments", "maker", "reviewer", "poster", "cashier",
)  # fmt: skip
VOUCHER = ("unit", "year", "period", "word", "number")
SHOWN = 200
Frame = pl.LazyFrame
Values = Mapping[str, Any]
Key = tuple[int, tuple[int, ...], int | None]


@dataclass(frozen=True)
class Asked:
    """The period that is asked about, its days that nobody works on, the classes of the card catalogue and of 三公."""

    year: int
    period: int
    free: tuple[date, ...]
    card: tuple[str, ...]
    public: Mapping[str, tuple[str, ...]]


def keys(found: pl.DataFrame) -> set[Key]:
    """The findings of one rule, as `key` makes them of the product's."""
    return {(unit, tuple(ids), amount) for unit, ids, amount in found.select("unit", "row_ids", "amount_fen").rows()}


def _kept(f: Frame, ids: Any = None, amount: Any = None) -> Frame:
    """The three columns of a finding."""
    return f.select(
        "unit",
        row_ids=c("row_ids") if ids is None else ids,
        amount_fen=pl.lit(None, pl.Int64) if amount is None else amount.cast(pl.Int64),
    )


def peers(asked: Asked) -> dict[str, Callable[[Frame, Values], Frame]]:
    """Rule → (lines in force, parameter values) → its findings, not yet collected."""
    cash = c("account").str.starts_with("1001")
    bank = c("account").str.starts_with("1002") | c("account").str.starts_with("1011")
    money = cash | bank
    budgetary = c("account").str.slice(0, 1).is_in(["6", "7", "8"])
    routine = c("summary").str.contains("结转|更正|冲销|红冲|计提|折旧")
    one = pl.concat_list("id")
    first = c("id").sort().head(SHOWN)

    def year(f: Frame) -> Frame:
        return f.filter((c("year") == asked.year) & (c("period") <= asked.period))

    def fresh(f: Frame) -> Frame:
        return f.filter((c("year") == asked.year) & (c("period") == asked.period))

    def spend(f: Frame) -> Frame:
        f = f.filter(c("account").str.starts_with("7") & ~c("summary").str.contains("结转", literal=True))
        return f.with_columns(fen=c("debit_fen") - c("credit_fen")).filter(c("fen") != 0)

    def number(f: Frame) -> Frame:
        plain = c("invoice").str.to_uppercase().str.replace_all("[^0-9A-Z]", "").str.strip_chars_start("0")
        return f.with_columns(plain=plain)

    def pair(a: str, b: str) -> Any:
        return pl.concat_list(a, b)

    def t01(f: Frame, _v: Values) -> Frame:
        f = fresh(f).with_columns(side=budgetary)
        sums = f.group_by(*VOUCHER, "side").agg(apart=c("debit_fen").sum() - c("credit_fen").sum())
        off = f.join(sums.filter(c("apart") != 0), on=[*VOUCHER, "side"])
        found = off.group_by(*VOUCHER, "side").agg(row_ids=c("id").sort(), apart=c("apart").first().abs())
        return _kept(found, amount=c("apart"))

    def t02(f: Frame, _v: Values) -> Frame:
        f = fresh(f).filter(c("number").str.contains("^[0-9]{1,9}$")).with_columns(n=c("number").cast(pl.Int64))
        used = f.group_by("unit", "word", "n").agg(c("id").min(), days=c("day").n_unique()).sort("unit", "word", "n")
        gaps = used.filter(c("n") - c("n").shift().over("unit", "word") > 1)
        twice = f.join(used.filter(c("days") > 1), on=["unit", "word", "n"], how="semi")
        again = twice.group_by("unit", "word", "n").agg(row_ids=first)
        return pl.concat([_kept(gaps, one), _kept(again)])

    def t03(f: Frame, _v: Values) -> Frame:
        f = fresh(f).filter(c("attachments").is_not_null() & ~routine)
        bare = f.group_by(VOUCHER).agg(c("attachments").max()).filter(c("attachments") == 0)
        found = f.join(bare, on=VOUCHER, how="semi").group_by(VOUCHER).agg(row_ids=first, fen=c("debit_fen").sum())
        return _kept(found, amount=c("fen"))

    def t04(f: Frame, _v: Values) -> Frame:
        alone = ((c("maker") != "") & (c("maker") == c("reviewer"))) | (
            (c("cashier") != "") & (c("cashier") == c("poster")))  # fmt: skip
        found = fresh(f).filter(alone).group_by(VOUCHER).agg(row_ids=first, fen=c("debit_fen").sum())
        return _kept(found, amount=c("fen"))

    def t05(f: Frame, v: Values) -> Frame:
        taken = f.filter(money & (c("debit_fen") > 0)).select(VOUCHER)
        paid = number(f.filter(money & (c("credit_fen") > 0) & (c("party") != "")))
        pairs = (
            fresh(paid).join(paid, on=["unit", "credit_fen", "party"], suffix="_a").join(taken, on=VOUCHER, how="anti")
        )
        apart = (c("day") - c("day_a")).dt.total_days()
        later = (apart > 0) | ((apart == 0) & (c("id_a") < c("id")))
        other = pl.any_horizontal(*(c(name) != c(f"{name}_a") for name in VOUCHER[1:]))
        same = pl.when((c("invoice") != "") & (c("invoice_a") != "")).then(c("plain") == c("plain_a")).otherwise(
            (apart <= int(v["days"])) & (c("summary") == c("summary_a")) & ((apart < 20) | (c("period") == c("period_a"))))  # fmt: skip
        return _kept(pairs.filter(later & other & same), pair("id_a", "id"), c("credit_fen"))

    def t06(f: Frame, v: Values) -> Frame:
        paid = year(f).filter(money & (c("party") != "") & (c("credit_fen") >= int(v["min_yuan"]) * 100))
        kinds = c("summary").str.contains("劳务|专家|评审|讲课|差旅|补助|补贴|工资")
        asked_of = fresh(paid).filter((c("credit_fen") % 10000 != 0) & ~kinds)
        pairs = asked_of.join(paid, on=["unit", "credit_fen", "summary"], suffix="_a")
        near = (c("day") - c("day_a")).dt.total_days().abs() <= int(v["days"])
        found = pairs.filter(near & (c("party") != c("party_a")) & (c("id_a") < c("id")))
        return _kept(found, pair("id_a", "id"), c("credit_fen"))

    def t07(f: Frame, v: Values) -> Frame:
        large = (c("credit_fen") >= int(v["min_yuan"]) * 100) & (c("credit_fen") % (int(v["mod_yuan"]) * 100) == 0)
        return _kept(fresh(f).filter(money & large), one, c("credit_fen"))

    def t08(f: Frame, _v: Values) -> Frame:
        f = fresh(f).filter(c("day").is_in(list(asked.free)) & ~c("summary").str.contains("结转|折旧|计提"))
        return _kept(f.group_by("unit", "day").agg(row_ids=first, fen=c("debit_fen").sum()), amount=c("fen"))

    def t09(f: Frame, _v: Values) -> Frame:
        before = f.filter((c("period") == 12) & (c("debit_fen") > 0) & c("account").str.slice(0, 1).is_in(["5", "7"]))
        after = fresh(f).filter(c("period") <= 2)
        red = pl.when(c("debit_fen") < 0).then(-c("debit_fen")).when(c("summary").str.contains("冲|红字|更正")).then(
            c("credit_fen"))  # fmt: skip
        after = after.select("unit", "account", "id", "year", debit_fen=red).filter(c("debit_fen") > 0)
        before = before.with_columns(year=c("year") + 1)
        pairs = before.join(after, on=["unit", "account", "year", "debit_fen"], suffix="_b")
        return _kept(pairs, pair("id", "id_b"), c("debit_fen"))

    def t10(f: Frame, v: Values) -> Frame:
        f = year(f).filter((c("debit_fen") >= 1000) & ~budgetary)
        heads = f.group_by("unit", d=c("debit_fen").cast(pl.String).str.slice(0, 2).cast(pl.Int32)).agg(seen=pl.len())
        due = pl.LazyFrame({"d": list(range(10, 100)), "due": [math.log10(1 + 1 / d) for d in range(10, 100)]})
        due = due.with_columns(c("d").cast(pl.Int32))
        whole = heads.group_by("unit").agg(n=c("seen").sum())
        all_of = whole.join(due, how="cross").join(heads, on=["unit", "d"], how="left")
        apart = (c("seen").fill_null(0) / c("n") - c("due")).abs()
        mads = all_of.group_by("unit").agg(c("n").first(), mad=apart.mean())
        found = mads.filter((c("n") >= int(v["min_n"])) & (c("mad") > float(v["mad"])))
        return _kept(found, pl.lit([], pl.List(pl.Int64)))

    def t11(f: Frame, v: Values) -> Frame:
        f = spend(year(f)).filter((c("party") != "") & (c("fen") > 0))
        tops = f.group_by("unit", "party").agg(
            n=pl.len(), top=c("fen").top_k(2).sort(descending=True), fen=c("fen").max()
        )
        tops = tops.filter((c("n") >= 5) & (c("fen") >= int(v["min_yuan"]) * 100))
        tops = tops.filter(c("fen") > int(v["rsf"]) * c("top").list.get(1))
        return _kept(f.join(tops, on=["unit", "party", "fen"]), one, c("fen"))

    def t12(f: Frame, v: Values) -> Frame:
        f = f.filter((c("debit_fen") > c("credit_fen")) & c("account").str.starts_with("7"))
        f = f.filter(~c("summary").str.contains("结转", literal=True))
        rare = []
        for a, b in (("party", "econ"), ("project", "econ"), ("party", "project"), ("maker", "econ")):
            pairs = f.filter((c(a) != "") & (c(b) != "")).group_by("unit", a, b).agg(n=pl.len(), id=c("id").min())
            whole = c("n").sum().over("unit")
            tenths = (20 * c("n").sum().over("unit", a) * c("n").sum().over("unit", b) + whole) // (2 * whole)
            pairs = pairs.with_columns(tenths=tenths).filter((c("n") == 1) & (c("tenths") >= float(v["least"]) * 10))
            rare.append(pairs.select("id", "tenths"))
        most = pl.concat(rare).group_by("id").agg(c("tenths").max())
        found = fresh(f).join(most, on="id").sort("tenths", "id", descending=[True, False])
        found = found.group_by("unit", maintain_order=True).head(int(v["top"]))
        return _kept(found, one, c("debit_fen") - c("credit_fen"))

    def t13(f: Frame, _v: Values) -> Frame:
        f = fresh(f)
        vouchers = f.group_by(VOUCHER).agg(
            dual=budgetary.any(),
            cost=(c("account").str.starts_with("5") & (c("debit_fen") > 0)).any(),
            fen=c("credit_fen").filter(money).sum(),
        )
        lone = vouchers.filter(~c("dual") & c("cost") & (c("fen") > 0))
        found = f.join(lone, on=VOUCHER).group_by(VOUCHER).agg(row_ids=first, fen=c("fen").first())
        return _kept(found, amount=c("fen"))

    def b11(f: Frame, _v: Values) -> Frame:
        f = fresh(f)
        got = f.filter((cash | c("account").str.starts_with("1002")) & (c("debit_fen") > 0)).select(VOUCHER)
        owed = (c("account").str.starts_with("2305") | c("account").str.starts_with("2307")) & (c("credit_fen") > 0)
        like = c("summary").str.contains("收入|租金|服务费|处置|利息|罚没|承包费|场地")
        return _kept(f.filter(owed & like).join(got, on=VOUCHER, how="semi"), one, c("credit_fen"))

    def c01(f: Frame, v: Values) -> Frame:
        free = c("summary").str.contains("工资|津贴|奖金|劳务|补助|抚恤|丧葬|差旅|奖励|收购|慰问|备用金")
        over = fresh(f).filter(cash & (c("credit_fen") > int(v["th_yuan"]) * 100) & ~free)
        return _kept(over.join(year(f).filter(bank).select(VOUCHER), on=VOUCHER, how="anti"), one, c("credit_fen"))

    def c06(f: Frame, v: Values) -> Frame:
        small = year(f).filter(cash & c("credit_fen").is_between(1, 100_000) & (c("party") != ""))
        small = small.filter(~c("summary").str.contains("工资|津贴|奖金|补助|抚恤|丧葬|差旅|奖励|慰问|备用金"))
        small = small.select("unit", "party", "day", "id", "period", "credit_fen")
        apart = (c("day_b") - c("day")).dt.total_days()
        pairs = small.filter(c("period") == asked.period).join(small, on=["unit", "party"], suffix="_b")
        within = pairs.filter(apart.is_between(0, int(v["days"])))
        sums = within.group_by("unit", "id").agg(row_ids=c("id_b").sort(), fen=c("credit_fen_b").sum())
        before = pairs.filter(apart.is_between(-int(v["days"]), 0) & ((apart < 0) | (c("id_b") < c("id"))))
        sums = sums.filter((c("row_ids").list.len() >= 2) & (c("fen") > 100_000))
        return _kept(sums.join(before, on=["unit", "id"], how="anti"), amount=c("fen"))

    def k01(f: Frame, v: Values) -> Frame:
        by_cash = fresh(f).filter(cash & (c("credit_fen") > 0)).select(VOUCHER)
        free = c("summary").str.contains("补助|补贴|误餐")
        own = spend(fresh(f)).filter(
            c("econ").is_in(list(asked.card)) & (c("fen") > int(v["exempt_yuan"]) * 100) & ~free
        )
        return _kept(own.join(by_cash, on=VOUCHER, how="semi"), one, c("fen"))

    def p02(f: Frame, _v: Values) -> Frame:
        items = pl.LazyFrame([(item, econ) for item, codes in asked.public.items() for econ in codes],
                             schema=["item", "econ"], orient="row")  # fmt: skip
        f = f.filter((c("year") >= asked.year - 1) & (c("period") <= asked.period) & c("account").str.starts_with("7"))
        sums = (
            f.join(items, on="econ").group_by("unit", "item", "year").agg(fen=(c("debit_fen") - c("credit_fen")).sum())
        )
        now = sums.filter(c("year") == asked.year)
        before = sums.filter(c("year") == asked.year - 1)
        both = now.join(before, on=["unit", "item"], suffix="_b").filter(c("fen") > c("fen_b"))
        return _kept(both, pl.lit([], pl.List(pl.Int64)), c("fen") - c("fen_b"))

    def p03(f: Frame, _v: Values) -> Frame:
        says, econ = c("summary").str.contains, c("econ")
        odd = (
            (says("接待|宴请|陪餐|招待") & (econ != "30217"))
            | (says("公车|公务车|车辆加油|加油费|过路费") & ~econ.is_in(["30231", "30913", "31013", "30239"]))
            | (says("会议费|会场") & (econ != "30215"))
            | (says("培训费") & (econ != "30216"))
            | (says("出国|出境|护照") & (econ != "30212"))
        )
        return _kept(spend(fresh(f)).filter((c("fen") > 0) & (econ != "") & odd), one, c("fen"))

    def w04(f: Frame, _v: Values) -> Frame:
        own = spend(fresh(f)).filter(c("econ").str.starts_with("302") & ~c("econ").is_in(["30228", "30229"]))
        like = c("summary").str.contains("津贴|补贴|奖金|值班费|福利|加班费|过节")
        return _kept(own.filter(like & (c("fen") > 0)), one, c("fen"))

    said = (t01, t02, t03, t04, t05, t06, t07, t08, t09, t10, t11, t12, t13, b11, c01, c06, k01, p02, p03, w04)
    return {rule.__name__.upper(): rule for rule in said}


def key(unit: int, code: str, row_ids: Iterable[int], amount_fen: int | None) -> Key:
    """A finding of the product's SQL, comparable with `keys`. P02 names any of its rows, which is no part of it."""
    return unit, () if code == "P02" else tuple(row_ids), amount_fen

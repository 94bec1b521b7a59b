"""Invented books of a commission: units of three kinds, years of vouchers with all that stands beside them, faults planted
on purpose, and honest oddities that look like faults and are none.

For the demonstration, the benchmark of the rules and tests. Pure: no database, no clock; the same seed gives the same
books. Names and numbers are invented. A plant says which rule must speak, and with which word in its sentence; what it
causes beside (a withdrawn card missing in the ledger, say) is named in `CAUSES` and counted apart, not as a false flag.
"""

from __future__ import annotations

import random
from calendar import monthrange
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from chengheng.finance.rules.catalogue import econ_sets, rules

PUBLIC = "公用经费"
STAFFING = "基本支出（人员）"
LOCAL = {"C02": {"limit_yuan": 6000}, "W05": {"limit_yuan": 25000}, "P06": {"limit_yuan": 100},
         "G02": {"limit_yuan": 500_000}, "G03": {"limit_yuan": 500_000}}  # fmt: skip
"""Example values for the parameters that every city sets for itself."""
CAUSES: dict[str, tuple[str, ...]] = {
    "B09": ("B04",), "A03": ("A02",), "A04": ("A02",), "A07": ("A02",), "A09": ("A02",), "C03": ("C04", "C03"), "C04": ("C05",), "C06": ("C02",),
    "N02": ("N04",), "N05": ("N03",), "N07": ("N04",), "W05": ("W06", "W05"), "P11": ("A01", "A02", "T11"), "T05": ("T06",),
    "B03": ("B04",), "N04": ("N04",),
    "B11": ("B10",),
    "B13": ("B10",), "B07": ("T11",), "T13": ("T12",), "G03": ("T11",), "T01": ("T13",), "T10": ("T05", "T06"),
    "V07": ("C07", "B10"),
    "C07": ("B10",),
    "T07": ("T11",),
    "W06": ("W06",),
}  # fmt: skip
"""Rule → rules that rightly speak too, in the same unit from that year on."""
_ITEMS = (  # economic class, summary, payees, mean yuan, times a month
    ("30201", "购办公用品", ("文华办公", "海河纸业", "津南文具"), 620, 4),
    ("30209", "物业管理费", ("津城物业", "津城物业", "安泰保洁"), 1500, 3),
    ("30205", "水费", ("市水务集团",), 380, 1),
    ("30206", "电费", ("市电力公司",), 1900, 1),
    ("30207", "邮电费", ("通信公司", "邮政公司"), 450, 2),
    ("30213", "维修费", ("滨城维修", "利民机电", "永固建筑"), 1200, 2),
    ("30202", "印刷费", ("海河印务", "北方彩印"), 800, 1),
    ("30227", "委托业务费", ("云图信息", "中信咨询", "正大会计"), 5200, 2),
    ("30239", "其他交通费用", ("市公交集团", "出租汽车公司"), 300, 1),
)
_EXPERTS = ("陈专家", "林专家", "何教授", "郭教授", "马工程师")


@dataclass(frozen=True)
class Plant:
    """A fault put in: `key` is a word of the rule's sentence; without one any finding of that year (and period) is it."""

    rule: str
    unit: str
    year: int
    period: int = 0
    key: str = ""


Key = tuple[str, int, int]


@dataclass
class UnitBooks:
    """A unit's evidence: (kind, year, period) → rows, ready for `actions.store_batch`."""

    code: str
    kind: str
    accounting: str
    evidence: dict[Key, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    plants: list[Plant] = field(default_factory=list)


@dataclass
class Score:
    """How a rule did: `planted` and `found` faults; findings that are `true`, that a plant of another rule rightly
    brings with it (`beside`), and `false` ones (with examples)."""

    planted: int = 0
    found: int = 0
    true: int = 0
    beside: int = 0
    brought: Counter[str] = field(default_factory=Counter)  # rule of the fault that brought it → how many of `beside`
    false: int = 0
    missed: list[Plant] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float | None:
        return self.found / self.planted if self.planted else None


def score(plants: Iterable[Plant], findings: Iterable[tuple[str, str, int, int, str]]) -> dict[str, Score]:
    """Rule → score; a finding is (rule, unit, year, period asked about, sentence)."""
    scores = {code: Score() for code in rules()}
    by_place: dict[tuple[str, str], list[Plant]] = defaultdict(list)
    causes: dict[tuple[str, str], tuple[int, str]] = {}
    for plant in plants:
        by_place[plant.rule, plant.unit].append(plant)
        for rule in CAUSES.get(plant.rule, ()):
            causes[rule, plant.unit] = min((plant.year, plant.rule), causes.get((rule, plant.unit), (9999, "")))
        scores[plant.rule].planted += 1
    hit: set[Plant] = set()
    for rule, unit, year, period, text in findings:
        mine = [plant for plant in by_place[rule, unit] if (plant.key in text if plant.key else
                plant.year == year and plant.period in (0, period))]  # fmt: skip
        hit.update(mine)
        if mine:
            scores[rule].true += 1
        elif causes.get((rule, unit), (9999, ""))[0] <= year:
            scores[rule].beside += 1
            scores[rule].brought[causes[rule, unit][1]] += 1
        else:
            scores[rule].false += 1
            scores[rule].examples.append(f"{unit} {year}-{period:02} {text}")
    for (rule, _unit), planted in by_place.items():
        for plant in planted:
            scores[rule].found += plant in hit
            if plant not in hit:
                scores[rule].missed.append(plant)
    return scores


def weekday(day: date) -> bool:
    """Working days without a calendar."""
    return day.weekday() < 5


def commission(
    seed: int, *, units: int = 60, years: tuple[int, ...] = (2022, 2023, 2024), each: int = 4,
    working: Callable[[date], bool] = weekday, only: frozenset[str] | None = None,
) -> Iterator[UnitBooks]:  # fmt: skip
    """Unit after unit, with `each` faults of every rule's kind spread over them (fewer where few units can have it)."""
    chance = random.Random(f"commission {seed}")  # noqa: S311 - invented books
    kinds = [
        ("administrative", "institution", "institution", "institution", "institution", "enterprise")[n % 6]
        for n in range(units)
    ]
    wanted: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    for code, rule in rules().items():
        if only is not None and code not in only:
            continue
        able = [
            n
            for n, kind in enumerate(kinds)
            if (not rule.kinds or kind in rule.kinds) and (code != "V03" or kind != "administrative")
        ]
        if code in _GOVERNMENT:
            able = [n for n in able if kinds[n] != "enterprise"]
        for n in chance.sample(able, min(each, len(able))):
            year = chance.choice(years[1:] if code in _SECOND_YEAR and len(years) > 1 else years)
            wanted[n].append((code, year, chance.randrange(2, 9)))
    for n, kind in enumerate(kinds):
        yield _Unit(f"Z{n + 1:02}", kind, random.Random(f"{seed} {n}"), years, working, wanted[n]).books()  # noqa: S311


_GOVERNMENT = frozenset({"A05", "B08", "B11", "B13", "C08", "N07", "T13"})
_SECOND_YEAR = frozenset({"B10", "A08", "P02", "T09", "T12"})


class _Unit:
    """One unit's books in the making, month after month."""

    def __init__(self, code: str, kind: str, chance: random.Random, years: tuple[int, ...], working: Callable[[date], bool],
                 wanted: list[tuple[str, int, int]]) -> None:  # fmt: skip
        self.code, self.kind, self.chance, self.years, self.working = code, kind, chance, years, working
        self.government = kind != "enterprise"
        self.out = UnitBooks(code, kind, "government" if self.government else "enterprise")
        self.wanted = wanted
        self.account = f"1208{code}001"
        self.staff = [
            f"{family}{given}{code}"
            for family, given in zip("赵钱孙李周吴郑王冯陈", "一二三四五六七八九十", strict=True)
        ]
        self.left: dict[str, date] = {}
        self.changed: dict[str, date] = {}
        self.pay = {name: 700_000 + 40_000 * n + chance.randrange(0, 30_000) for n, name in enumerate(self.staff)}
        self.cards: list[dict[str, Any]] = []
        self.opening: dict[str, int] = {"1001": 2_000_00, "1002": 8_000_000_00}
        self.shown: dict[tuple[str, int, int], int] = defaultdict(int)  # what a balance sheet shows beyond the books
        self.numbers: dict[tuple[int, int], int] = defaultdict(int)
        self.factor: dict[tuple[int, str], float] = {}
        self.fixed: dict[tuple[int, str, str], int] = {}
        self.unbudgeted: set[tuple[int, str, str]] = set()
        self.carried: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self.registers: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.unchecked: set[int] = set()
        self.km: dict[str, int] = {f"津{code}A": 20_000, f"津{code}B": 31_000}
        self.serial = 0
        self.busy = {year for rule, year, _month in wanted if rule == "T10"}
        self.pace = {year: 0.96**n for n, year in enumerate(years)}
        self.more: dict[tuple[int, str], float] = {}

    # what things are made of

    def next(self) -> str:
        self.serial += 1
        return f"{self.code}{self.serial:03}"

    def day(self, year: int, month: int, low: int = 1, high: int = 28) -> date:
        """A working day of the month."""
        day = date(year, month, self.chance.randrange(low, high + 1))
        for step in (1, -1):
            found = day
            while found.month == month and not self.working(found):
                found += timedelta(days=step)
            if found.month == month:
                return found
        return day

    def fen(self, mean_yuan: float) -> int:
        return max(1_00, int(self.chance.lognormvariate(0, 0.7) * mean_yuan * 78) + self.chance.randrange(1, 99))

    def add(self, kind: str, day: date, /, **row: Any) -> dict[str, Any]:
        row = {"day": day, **row} if kind not in ("contracts", "bids") else row
        self.out.evidence[kind, day.year, day.month].append(row)
        return row

    def voucher(self, day: date, *moves: tuple[Any, ...], bank: bool = True, **head: Any) -> str:
        """Lines of (account, debit, credit, economic class); the bank's statement follows 1002. Returns its name."""
        place = (day.year, day.month)
        self.numbers[place] += 1
        number = head.pop("number", None) or str(self.numbers[place])
        common = {"day": day, "word": "记", "number": number, "summary": "付款", "attachments": 1 + self.chance.randrange(4),
                  "maker": f"会计甲{self.code}" if self.chance.random() < 0.7 else f"会计乙{self.code}",
                  "reviewer": f"主管{self.code}", "poster": f"记账{self.code}", "cashier": f"出纳{self.code}", **head}  # fmt: skip
        for line, (account, debit, credit, *econ) in enumerate(moves, 1):
            named = econ[0] if econ else ""
            self.out.evidence["lines", *place].append(
                {
                    **common,
                    "line": line,
                    "account": account + named,
                    "econ": named,
                    "debit_fen": debit,
                    "credit_fen": credit,
                }
            )
            if account == "1002" and bank:
                late = timedelta(days=self.chance.choice((0, 0, 0, 1, 2)))
                self.statement(day + late, debit or max(0, -credit), max(0, credit), common)
        return f"{day.year}-{day.month:02} 记-{number}"

    def statement(self, day: date, got: int, paid: int, head: dict[str, Any]) -> None:
        row = {
            "account_no": self.account,
            "party": head.get("party", ""),
            "summary": head["summary"],
            "in_fen": got,
            "out_fen": paid,
        }
        if day.year <= self.years[-1]:
            self.add("bank", day, **row)

    def expense(self, day: date, econ: str, summary: str, fen: int, party: str, *, project: str = PUBLIC, source: str = "1002",
                **head: Any) -> str:  # fmt: skip
        """An expense as it is booked: with the budgetary entry where the unit keeps one."""
        asset = econ.startswith("310") and head.pop("capital", True)
        cost = ("1601" if asset else "5001") if self.government else ("1601" if asset else "6602")
        moves: list[tuple[Any, ...]] = [(cost, fen, 0, *(() if asset else (econ,))), (source, 0, fen)]
        if self.government and head.pop("budgetary", True):
            moves += [("7101" if self.kind == "administrative" else "7201", fen, 0, econ), ("8001", 0, fen)]
        return self.voucher(day, *moves, summary=summary, party=party, project=project, **head)

    def plant(self, rule: str, year: int, period: int = 0, key: str = "") -> None:
        self.out.plants.append(Plant(rule, self.code, year, period, key))

    # the years

    def books(self) -> UnitBooks:
        for n in range(8):
            cost = self.chance.randrange(2_000, 90_000) * 100
            months = self.chance.choice((60, 72, 120))
            bought = date(self.years[0] - 1 - n % 3, 1 + n, 12)
            gone = (self.years[0] - bought.year) * 12 - bought.month
            self.cards.append(self.card(f"{self.code}-K{n:02}", cost, bought, months, round(cost / months) * gone))
        self.opening["1601"] = sum(card["cost_fen"] for card in self.cards)
        self.opening["1602"] = -sum(card["depreciation_fen"] for card in self.cards)
        self.basics()
        for rule, year, month in self.wanted:
            getattr(self, f"before_{rule}", lambda _year, _month: None)(year, month)
        for year in self.years:
            for month in range(1, 13):
                self.month(year, month)
                for rule, at, when in self.wanted:
                    if (at, when) == (year, month):
                        getattr(self, f"plant_{rule}", lambda _year, _month: None)(year, month)
                self.close(year, month)
            self.year_end(year)
        self.balances()
        return self.out

    def card(self, number: str, cost: int, bought: date, months: int, done: int = 0, **more: Any) -> dict[str, Any]:
        return {"number": number, "name": "专用设备", "category": "设备", "acquired_on": bought, "cost_fen": cost, "depreciation_fen": done,
                "month_fen": round(cost / months), "life_months": months, "state": "在用", **more}  # fmt: skip

    def basics(self) -> None:
        first = self.years[0]
        self.registers["accounts"].append(
            {"account_no": self.account, "bank": "某银行海河支行", "kind": "基本存款账户", "approval_no": "示例批复1号", "opened_on": date(first - 4, 3, 2)})  # fmt: skip
        self.registers["leases"].append(
            {"number": f"CZ{self.code}1", "asset": "临街门面", "lessee": f"便民超市{self.code}", "month_fen": 3_000_00,
             "starts_on": date(first - 1, 1, 1), "ends_on": date(self.years[-1] + 1, 12, 31), "approval_no": "示例批复3号"})  # fmt: skip
        investments = self.registers["investments"]
        if self.kind == "administrative":
            investments.append({"investee": "无对外投资（零申报）", "product": "无", "funds": "无", "amount_fen": 0,
                                "invested_on": date(first, 1, 1), "approval_no": "零申报", "last_income_on": date(self.years[-1], 6, 1)})  # fmt: skip
        else:
            investments.append({"investee": f"津城停车{self.code}有限公司", "product": "股权", "funds": "自有资金", "amount_fen": 500_000_00,
                                "invested_on": date(first - 2, 1, 5), "approval_no": "示例批复2号", "last_income_on": date(self.years[-1], 6, 1)})  # fmt: skip
        self.registers["holdings"].append(
            {"investee": f"津城停车{self.code}（有限公司）" if self.kind != "administrative" else "无", "share": "20%",
             "status": "存续" if self.kind != "administrative" else "注销"})  # fmt: skip

    def month(self, year: int, month: int) -> None:
        """What an honest month holds."""
        chance = self.chance
        for econ, summary, parties, mean, times in _ITEMS:
            for _turn in range(times * (10 if year in self.busy else 1)):
                self.expense(self.day(year, month), econ, summary, self.fen(mean), chance.choice(parties))
        # the same fee on about the same day of every month
        self.expense(self.day(year, month, 10, 12), "30207", "专线费", 880_00 + sum(map(ord, self.code)), "通信公司")
        # two experts paid the same on one day
        if month % 3 == 0:
            on, fee = self.day(year, month), 1_480_00 + chance.randrange(50) * 1_00 + 40
            for name in chance.sample(_EXPERTS, 2):
                self.expense(on, "30226", "专家评审劳务费", fee, name)
        self.petty(year, month)
        self.people(year, month)
        self.travel(year, month)
        if month % 3 == 0:
            got = chance.randrange(800_00, 3_000_00)
            self.voucher(
                self.workday(date(year, month, 21)),
                ("1002", got, 0),
                ("4604" if self.government else "6603", 0, got),
                summary="存款利息",
                party="某银行",
            )
        lease = self.registers["leases"][0]
        self.voucher(self.day(year, month, 2, 8), ("1002", lease["month_fen"], 0), ("4605" if self.government else "6051", 0, lease["month_fen"]),
                     summary="门面租金", party=lease["lessee"])  # fmt: skip
        if month in (4, 10):
            cost, on = chance.randrange(3_000_00, 9_500_00), self.day(year, month)
            self.expense(on, "31002", "购打印机", cost, "文华办公")
            self.cards.append(
                self.card(f"{self.code}-{year}{month:02}", cost, on + timedelta(days=chance.randrange(0, 20)), 60)
            )
        if month == 6 and year == self.years[0]:
            self.remove(self.cards[0], self.day(year, month), "报废", approval="示例处置批复")
        if month == 5:
            n = self.next()
            on = self.day(year, month, 5, 12)
            self.add("contracts", on, number=f"HT{n}", name="服务", supplier=f"服务商{n}", category=f"服务{n}", method="竞争性磋商", project=PUBLIC,
                     amount_fen=86_000_37, supplements_fen=8_000_00, signed_on=on, filed_on=on + timedelta(days=5),
                     registered_on=date(2010, 5, 1), capital_fen=5_000_000_00, supplier_account=f"62{n}")  # fmt: skip
            self.expense(self.workday(on + timedelta(days=12)), "30227", "合同首付款", 43_000_19, f"服务商{n}")
        if month in (3, 6, 9):
            self.tender(year, month, chance.sample(("甲建设", "乙市政", "丙工程", "丁园林", "戊设计"), 3))
        for plate in list(self.km):
            for low in (3, 17):
                self.refuel(
                    plate, self.day(year, month, low, low + 5), chance.randrange(30, 52), chance.randrange(380, 560)
                )

    def tender(
        self, year: int, month: int, bidders: list[str], prices: list[int] | None = None, winner: int = 0
    ) -> None:
        on, number = self.day(year, month), self.next()
        prices = prices or [self.chance.randrange(300_000_00, 500_000_00) for _one in bidders]
        for place, (bidder, price) in enumerate(zip(bidders, prices, strict=True)):
            self.add(
                "bids", on, tender=f"ZB{number}", opened_on=on, bidder=bidder, price_fen=price, won=place == winner
            )

    def refuel(self, plate: str, on: date, litres: int, km: int, item: str = "加油") -> None:
        self.km[plate] += km
        self.add(
            "vehicles",
            on,
            plate=plate,
            item=item,
            volume_cl=litres * 100,
            tank_cl=60_00,
            odometer_km=self.km[plate],
            amount_fen=litres * 790,
        )

    def petty(self, year: int, month: int) -> None:
        """The cash box: filled at the bank, spent in small amounts; a small receipt is banked the next working day."""
        self.voucher(
            self.day(year, month, 1, 4),
            ("1001", 1_500_00, 0),
            ("1002", 0, 1_500_00),
            summary="提取备用金",
            party="某银行",
        )
        left = 1_500_00
        for n in range(3):
            spent = self.chance.randrange(40_00, 190_00)
            left -= spent
            self.expense(
                self.day(year, month, 6 + 5 * n, 9 + 5 * n),
                "30201",
                "零星办公用品",
                spent,
                self.chance.choice(self.staff),
                source="1001",
            )
        trip = left - self.chance.randrange(1_00, 60_00)
        self.expense(
            self.day(year, month, 22, 26), "30211", "差旅补助", trip, self.chance.choice(self.staff), source="1001"
        )
        on = self.day(year, month, 10, 15)
        fee = self.chance.randrange(20_00, 300_00)
        income = "4609" if self.government else "6051"
        self.voucher(on, ("1001", fee, 0), (income, 0, fee), summary="收证件工本费", party="办事群众")
        self.voucher(self.after(on), ("1002", fee, 0), ("1001", 0, fee), summary="现金送存", party="某银行")

    def workday(self, day: date) -> date:
        """The day itself, or the next working day."""
        return day if self.working(day) else self.after(day)

    def after(self, day: date) -> date:
        day += timedelta(days=1)
        while not self.working(day):
            day += timedelta(days=1)
        return day

    def people(self, year: int, month: int) -> None:
        if month == 7 and year > self.years[0]:
            for name in self.staff[2:4]:
                self.pay[name] = int(self.pay[name] * 1.4)  # a promotion with its approval
                self.changed[name] = date(year, month, 1)
        if month == 9 and year == self.years[-1] and len(self.staff) == 10:
            self.left[self.staff[-1]] = date(year, 8, 31)  # retired, and no longer paid
        rows = [
            {
                "id_no": f"ID{self.code}{n:02}",
                "name": name,
                "bank_account": f"6222{self.code}{n:02}",
                "pay_fen": self.pay[name],
                "base_fen": self.pay[name],
            }
            for n, name in enumerate(self.staff)
            if name not in self.left or self.left[name] >= date(year, month, 1)
        ]
        self.out.evidence["pay", year, month] += rows

    def travel(self, year: int, month: int) -> None:
        on, person = self.day(year, month, 8, 20), self.chance.choice(self.staff[:6])
        if month % 2:
            self.add("forms", on, kind="travel", number=f"CL{self.next()}", until=on + timedelta(days=2), person=person, amount_fen=1_200_00,
                     lodging_fen=350_00, approval_no="示例批4号")  # fmt: skip
            self.expense(
                self.workday(on + timedelta(days=4)), "30211", "差旅费", int(1_200_00 * self.pace[year]), person
            )
        if month in (2, 5, 8, 11):
            guests = self.chance.choice((4, 8, 10, 12))
            amount = guests * self.chance.randrange(60_00, 75_00)
            self.add("forms", on, kind="reception", number=f"JD{self.next()}", guests=guests, escorts=3 if guests <= 10 else guests // 3,
                     amount_fen=amount, approval_no="示例批5号", letter=True, list_given=True, invoice=True, items="工作餐、果盘")  # fmt: skip
            self.expense(
                self.workday(on + timedelta(days=1)),
                "30217",
                "公务接待费",
                int(560_00 * self.pace[year] * self.more.get((year, "30217"), 1)),
                "机关食堂",
            )
        if month in (4, 9):
            people = self.chance.randrange(20, 60)
            self.add("forms", on, kind="meeting", number=f"HY{self.next()}", people=people, grade="三类", until=on, amount_fen=people * self.chance.randrange(150_00, 420_00),
                     place="市定点会议中心", designated=True)  # fmt: skip
        self.expense(
            self.day(year, month, 24, 28),
            "30231",
            "公务用车加油",
            int(3_100_00 * self.pace[year] * self.more.get((year, "30231"), 1)),
            "石油销售公司",
        )
        for n, holder in enumerate(self.chance.sample(self.staff[:8], 5)):
            paid = self.chance.randrange(400_00, 1_300_00)
            day = self.day(year, month, 3 + 4 * n, 8 + 4 * n)
            if (year, "K05") in self.factor:
                paid //= 12
            self.add("cards", day, card_no=f"6282{self.code}{self.staff.index(holder)}", holder=holder, merchant=self.chance.choice(("津城快餐", "城际酒店", "文华办公")),
                     amount_fen=paid, reimbursed_fen=paid, reimbursed_on=day + timedelta(days=self.chance.randrange(5, 45)), swipe_no=f"SW{self.next()}")  # fmt: skip

    def close(self, year: int, month: int) -> None:
        """Month's end: pay, depreciation (on whatever day that is), snapshots."""
        last = date(year, month, monthrange(year, month)[1])
        total = sum(row["pay_fen"] for row in self.out.evidence["pay", year, month])
        self.expense(
            self.day(year, month, 15, 20), "30101", f"发放{month}月工资", total, "职工工资户", project=STAFFING
        )
        worn = 0
        for card in self.cards:
            if (
                card.get("removed_on") is None
                and card["depreciation_fen"] < card["cost_fen"]
                and card["acquired_on"] <= last
            ):
                card["depreciation_fen"] += card["month_fen"]
                worn += card["month_fen"]
            elif card.get("removed_on") is None and card["acquired_on"] <= last:
                card["month_fen"] = 0
        cost = "5001" if self.government else "6602"
        self.voucher(last, (cost, worn, 0), ("1602", 0, worn), summary="计提折旧", attachments=0)
        checked = date(year if month >= 11 and year not in self.unchecked else year - 1, 11, 20)
        self.out.evidence["assets", year, month] = [
            {**card, "checked_on": checked} for card in self.cards if card["acquired_on"] <= last
        ]
        self.out.evidence["staff", year, month] = [
            {"id_no": f"ID{self.code}{n:02}", "name": name, "status": "在职" if name not in self.left else "退休", "left_on": self.left.get(name),
             "changed_on": self.changed.get(name)} for n, name in enumerate(self.staff)]  # fmt: skip

    def remove(self, card: dict[str, Any], on: date, how: str, approval: str = "", valuation: str = "") -> None:
        """A card's removal with its entry, in the ledger and on the card."""
        card |= {"removed_on": on, "removal": how, "approval_no": approval, "valuation_no": valuation}
        left = card["cost_fen"] - card["depreciation_fen"]
        self.voucher(
            on,
            ("5301" if self.government else "6711", left, 0),
            ("1602", card["depreciation_fen"], 0),
            ("1601", 0, card["cost_fen"]),
            summary=f"资产{how}核销",
        )

    def year_end(self, year: int) -> None:
        spent: dict[tuple[str, str], int] = defaultdict(int)
        pattern = "7" if self.government else "6602"
        for month in range(1, 13):
            for line in self.out.evidence["lines", year, month]:
                if line["account"].startswith(pattern) and (self.government or line["econ"]):
                    spent[line.get("project", ""), line["econ"]] += line["debit_fen"] - line["credit_fen"]
        rows = self.carried[year]
        for (project, econ), fen in sorted(spent.items()):
            if not project or (year, project, econ) in self.unbudgeted or (year, project, "") in self.unbudgeted:
                continue
            fixed = self.fixed.get((year, project, econ))
            factor = self.factor.get((year, project), 1.02 + 0.08 * self.chance.random())
            rows.append(
                {"project": project, "econ": econ, "budget_fen": fixed if fixed is not None else int(fen * factor)}
            )
        rows += [{"project": project, "econ": econ, "budget_fen": fen} for (at, project, econ), fen in self.fixed.items()
                 if at == year and (project, econ) not in spent]  # fmt: skip
        self.out.evidence["budgets", year, 0] = rows
        for kind in ("accounts", "leases", "investments", "holdings"):
            self.out.evidence[kind, year, 1] = [
                {name: value for name, value in row.items() if name != "_from"} for row in self.registers[kind] if row.get("_from", year) <= year]  # fmt: skip
        public = sum(spent.get((PUBLIC, code), 0) for code in econ_sets()["公务接待"])
        over = any((rule, at) == ("P14", year) for rule, at, _month in self.wanted)
        self.out.evidence["reports", year, 0] = [
            {"sheet": "一般公共预算基本支出表", "econ": "30217", "item": "公务接待费", "amount_fen": public},
            {
                "sheet": "三公经费支出表",
                "econ": "30217",
                "item": "公务接待费",
                "amount_fen": public // 2 if over else public + 1_000_00,
            },
        ]
        if over:
            self.plant("P14", year, 0, "30217")

    def balances(self) -> None:
        """Each account's month out of the lines themselves."""
        now = defaultdict(int, self.opening)
        for year in self.years:
            for month in range(1, 13):
                moved: dict[str, list[int]] = defaultdict(lambda: [0, 0])
                for line in self.out.evidence["lines", year, month]:
                    moved[line["account"]][0] += line["debit_fen"]
                    moved[line["account"]][1] += line["credit_fen"]
                rows = []
                for account in sorted({*now, *moved}):
                    debit, credit = moved[account]
                    off = self.shown[account, year, month]
                    rows.append({"account": account, "account_name": "", "opening_fen": now[account] + off, "debit_fen": debit, "credit_fen": credit,
                                 "closing_fen": now[account] + debit - credit + off})  # fmt: skip
                    now[account] += debit - credit
                self.out.evidence["balances", year, month] = rows

    # the faults, rule by rule: `before_` prepares registers, `plant_` acts in its month

    def plant_B01(self, y: int, m: int) -> None:
        name = f"临时项目{self.next()}"
        self.unbudgeted.add((y, name, ""))
        self.expense(self.day(y, m), "30227", "委托业务费", self.fen(6000), "云图信息", project=name)
        self.plant("B01", y, 0, name)

    def plant_B02(self, y: int, m: int) -> None:
        name = f"超支项目{self.next()}"
        self.factor[y, name] = 0.8
        for when in range(2, 11):
            self.later(y, when, "30227", name, 3000)
        self.plant("B02", y, 0, name)

    def later(self, y: int, m: int, econ: str, project: str, yuan: float) -> None:
        self.expense(self.day(y, m), econ, "委托业务费", self.fen(yuan), "云图信息", project=project)

    def plant_B03(self, y: int, m: int) -> None:
        self.factor[y, PUBLIC] = self.factor[y, STAFFING] = 1.5
        self.plant("B03", y)

    def plant_B04(self, y: int, m: int) -> None:
        name = f"缓慢项目{self.next()}"
        self.factor[y, name] = 3.5
        self.later(y, m, "30227", name, 900)
        self.plant("B04", y, 0, name)

    def plant_B05(self, y: int, m: int) -> None:
        name = f"突击项目{self.next()}"
        self.expense(self.day(y, m), "30227", "委托业务费", 2_000_11, "云图信息", project=name)
        self.expense(self.day(y, 12), "30227", "委托业务费", 9_000_37, "中信咨询", project=name)
        self.plant("B05", y, 0, name)

    def plant_B06(self, y: int, m: int) -> None:
        name = f"专项{self.next()}"
        self.expense(self.day(y, m), "30227", "委托业务费", 5_000_11, "中信咨询", project=name)
        self.expense(self.day(y, m), "30214", "设备租赁费", 2_300_17, "利民机电", project=name)
        self.unbudgeted.add((y, name, "30214"))
        self.factor[y, name] = 1.6
        self.plant("B06", y, 0, name)

    def plant_B07(self, y: int, m: int) -> None:
        self.plant("B07", y, m, self.expense(self.day(y, m), "30299", "拨付活动经费", 21_000_13, "机关工会委员会"))

    def plant_B08(self, y: int, m: int) -> None:
        self.plant(
            "B08",
            y,
            m,
            self.voucher(
                self.day(y, m), ("1002", 30_000_21, 0), ("1011", 0, 30_000_21), summary="划款", party="本单位基本户"
            ),
        )

    def plant_B09(self, y: int, m: int) -> None:
        name = f"旧项目{self.next()}"
        self.carried[y].append({"project": name, "econ": "30227", "budget_fen": 4_000_00, "carried_from": y - 2})
        self.plant("B09", y, 0, name)

    def before_B10(self, y: int, m: int) -> None:
        self.opening["121809"] = 45_000_00
        self.plant("B10", y, 0, "121809")

    def plant_B11(self, y: int, m: int) -> None:
        self.plant(
            "B11",
            y,
            m,
            self.voucher(
                self.day(y, m), ("1002", 5_000_61, 0), ("2307", 0, 5_000_61), summary="收场地租金", party="某协会"
            ),
        )

    def plant_B12(self, y: int, m: int) -> None:
        name = f"笼统项目{self.next()}"
        self.expense(self.day(y, m), "30299", "其他支出", 3_900_11, "利民机电", project=name)
        self.expense(self.day(y, m), "30201", "购办公用品", 4_800_37, "海河纸业", project=name)
        self.plant("B12", y, 0, name)

    def plant_B13(self, y: int, m: int) -> None:
        self.plant(
            "B13",
            y,
            11,
            self.voucher(
                self.day(y, 11), ("1214", 18_000_55, 0), ("1002", 0, 18_000_55), summary="预付会议费", party="津城宾馆"
            ),
        )

    def plant_A01(self, y: int, m: int) -> None:
        self.plant(
            "A01",
            y,
            0,
            self.expense(
                self.day(y, m),
                "31002",
                "购计算机",
                self.chance.randrange(4_000_00, 9_000_00) + 7,
                "文华办公",
                capital=False,
            ),
        )

    def plant_A02(self, y: int, m: int) -> None:
        self.cards.append(self.card(f"{self.code}-盘盈{m}", 8_800_00, date(y, m, 2), 60, month_fen=0, life_months=0))
        self.plant("A02", y, 0, "1601")

    def plant_A03(self, y: int, m: int) -> None:
        self.cards[2] |= {"state": "闲置", "idle_since": date(y, 1, 3) if m > 7 else date(y - 1, 5, 3)}
        self.plant("A03", y, 0, self.cards[2]["number"])

    def plant_A04(self, y: int, m: int) -> None:
        self.remove(self.cards[3], self.day(y, m), "报废")
        self.plant("A04", y, 0, self.cards[3]["number"])

    def plant_A05(self, y: int, m: int) -> None:
        self.plant(
            "A05",
            y,
            0,
            self.voucher(
                self.day(y, m), ("1002", 6_400_21, 0), ("2103", 0, 6_400_21), summary="旧车处置收入", party="拍卖行"
            ),
        )

    def before_A06(self, y: int, m: int) -> None:
        number = f"CZ{self.next()}"
        self.registers["leases"].append({"number": number, "asset": "仓库", "lessee": f"物流公司{self.code}", "month_fen": 2_000_00, "starts_on": date(y, 1, 1),
                                         "ends_on": date(y + 3, 12, 31), "approval_no": "示例批复8号", "_from": y})  # fmt: skip
        self.plant("A06", y, 0, number)

    def plant_A07(self, y: int, m: int) -> None:
        self.remove(self.cards[4], self.day(y, m), "拍卖", approval="示例处置批复2号")
        self.plant("A07", y, 0, self.cards[4]["number"])

    def before_A08(self, y: int, m: int) -> None:
        self.opening["161301"] = 380_000_00
        self.plant("A08", y, 0, "161301")

    def plant_A09(self, y: int, m: int) -> None:
        self.cards[5]["month_fen"] *= 3
        self.plant("A09", y, 0, self.cards[5]["number"])

    def before_A10(self, y: int, m: int) -> None:
        self.unchecked.add(y)
        self.plant("A10", y)

    def fill(self, on: date, fen: int) -> None:
        self.voucher(on, ("1001", fen, 0), ("1002", 0, fen), summary="提取备用金", party="某银行")

    def plant_C01(self, y: int, m: int) -> None:
        on = self.day(y, m, 5, 25)
        self.fill(on, 1_620_00)
        self.plant("C01", y, m, self.expense(on, "30226", "付清运费", 1_620_00, "孙师傅", source="1001"))

    def plant_C02(self, y: int, m: int) -> None:
        on = self.day(y, m, 8, 20)
        self.fill(on, 9_000_00)
        self.voucher(
            self.workday(on + timedelta(days=5)),
            ("1002", 9_000_00, 0),
            ("1001", 0, 9_000_00),
            summary="现金送存",
            party="某银行",
        )
        self.plant("C02", y, m)

    def plant_C03(self, y: int, m: int) -> None:
        on = self.day(y, m, 8, 20)
        self.expense(on, "30211", "差旅补助", 9_000_00, self.staff[1], source="1001")
        self.fill(self.workday(on + timedelta(days=3)), 9_000_00)
        self.plant("C03", y, m, on.isoformat())

    def receipt(self, on: date, fen: int) -> None:
        self.voucher(
            on,
            ("1001", fen, 0),
            ("4609" if self.government else "6051", 0, fen),
            summary="收零星收入",
            party="办事群众",
        )

    def plant_C04(self, y: int, m: int) -> None:
        on = self.day(y, m, 16, 20)
        self.receipt(on, 8_000_00)
        self.expense(on, "30211", "差旅补助", 7_500_00, self.staff[0], source="1001")
        self.plant("C04", y, m, on.isoformat())

    def plant_C05(self, y: int, m: int) -> None:
        on = self.day(y, m, 16, 20)
        self.receipt(on, 1_100_00)
        self.plant("C05", y, m, on.isoformat())

    def plant_C06(self, y: int, m: int) -> None:
        on, who = self.day(y, m, 8, 18), f"临时工{self.next()}"
        self.fill(on, 1_700_00)
        for n in range(2):
            self.expense(self.workday(on + timedelta(days=n)), "30226", "清扫劳务费", 850_00 + n, who, source="1001")
        self.plant("C06", y, 0, who)

    def plant_C07(self, y: int, m: int) -> None:
        who = f"{self.staff[6]}"
        self.voucher(self.day(y, m), ("1218", 3_000_00, 0), ("1002", 0, 3_000_00), summary="个人借款", party=who)
        self.plant("C07", y, 0, who)

    def plant_C08(self, y: int, m: int) -> None:
        on = self.day(y, m)
        self.voucher(on, ("1002", 4_321_55, 0), ("4609", 0, 4_321_55), summary="代收摊位费", party=self.staff[5])
        self.plant("C08", y, 0, self.staff[5])

    def plant_C09(self, y: int, m: int) -> None:
        self.plant("C09", y, m, self.expense(self.day(y, m), "30201", "购日用品", 3_000_00, "津门大超市"))

    def plant_K01(self, y: int, m: int) -> None:
        on = self.day(y, m, 6, 25)
        self.fill(on, 640_00)
        self.plant("K01", y, m, self.expense(on, "30202", "印刷费", 640_00, "街边图文店", source="1001"))

    def swipe(self, on: date, merchant: str, fen: int = 400_00, **more: Any) -> None:
        row = {"card_no": f"6282{self.code}1", "holder": self.staff[1], "merchant": merchant, "amount_fen": fen, "reimbursed_fen": fen,
               "reimbursed_on": on + timedelta(days=9), "swipe_no": f"SW{self.next()}", **more}  # fmt: skip
        self.add("cards", on, **row)

    def plant_K02(self, y: int, m: int) -> None:
        on, name = self.day(y, m), f"餐厅{self.next()}"
        self.swipe(on, name, reimbursed_on=on + timedelta(days=75))
        self.plant("K02", y, 0, name)

    def plant_K03(self, y: int, m: int) -> None:
        on, name, number = self.day(y, m), f"酒店{self.next()}", f"SWX{self.serial}"
        self.swipe(on, name, swipe_no=number)
        self.swipe(on, name, swipe_no=number, reimbursed_on=on + timedelta(days=30))
        self.plant("K03", y, 0, name)

    def plant_K04(self, y: int, m: int) -> None:
        name = f"悦来足浴{self.next()}"
        self.swipe(self.day(y, m), name)
        self.plant("K04", y, 0, name)

    def before_K05(self, y: int, m: int) -> None:
        self.factor[y, "K05"] = 0
        self.plant("K05", y)

    def plant_K06(self, y: int, m: int) -> None:
        who = f"离职者{self.next()}"
        self.swipe(self.day(y, m), "津城快餐", holder=who, card_no=f"6282{self.code}9")
        self.plant("K06", y, 0, who)

    def extra_account(self, y: int, approval: str, kind: str = "专用存款账户") -> str:
        number = f"1207{self.next()}"
        self.registers["accounts"].append({"account_no": number, "bank": "某银行南开支行", "kind": kind, "approval_no": approval,
                                           "opened_on": date(y - 3, 5, 5), "_from": y})  # fmt: skip
        return number

    def before_N01(self, y: int, m: int) -> None:
        number = self.extra_account(y, "")
        for year in range(y, self.years[-1] + 1):
            self.add(
                "bank",
                date(year, 6, 3),
                account_no=number,
                party="某银行",
                summary="账户管理费",
                in_fen=5_00,
                out_fen=5_00,
            )
        self.plant("N01", y, 0, number)

    def plant_N02(self, y: int, m: int) -> None:
        number = f"9999{self.next()}"
        self.add("bank", self.day(y, m), account_no=number, party="某公司", summary="往来", in_fen=12_345_67, out_fen=0)
        self.plant("N02", y, 0, number)

    def before_N03(self, y: int, m: int) -> None:
        self.plant("N03", y, 0, self.extra_account(y, "示例批复7号"))

    def plant_N04(self, y: int, m: int) -> None:
        self.add(
            "bank", self.day(y, m), account_no=self.account, party="某公司", summary="货款", in_fen=7_777_13, out_fen=0
        )
        self.plant("N04", y)

    def before_N05(self, y: int, m: int) -> None:
        self.extra_account(y, "示例批复9号", "基本存款账户")
        self.plant("N05", y, 0, "基本存款账户")

    def plant_N06(self, y: int, m: int) -> None:
        on = self.day(y, m)
        self.voucher(
            on, ("1021", 2_000_500_13, 0), ("1002", 0, 2_000_500_13), summary="转存定期", party="某银行", bank=False
        )
        self.add(
            "bank", on, account_no=self.account, party="某银行", summary="转存定期", in_fen=0, out_fen=2_000_500_13
        )
        self.plant("N06", y, 0, on.isoformat())

    def plant_N07(self, y: int, m: int) -> None:
        on = date(y, m, 25)
        self.add("bank", on, account_no=self.account, party="某银行", summary="结息", in_fen=9_876_54, out_fen=0)
        self.plant("N07", y, 0, on.isoformat())

    def before_V01(self, y: int, m: int) -> None:
        self.opening["1501"] = 300_000_00
        self.plant("V01", y, 0, "1501")

    def invest(self, y: int, **more: Any) -> str:
        name = f"联营公司{self.next()}"
        self.registers["investments"].append({"investee": name, "product": "股权", "funds": "自有资金", "amount_fen": 200_000_00, "invested_on": date(y, 1, 9),
                                              "approval_no": "示例批复6号", "last_income_on": date(self.years[-1], 5, 1), "_from": y, **more})  # fmt: skip
        return name

    def before_V02(self, y: int, m: int) -> None:
        self.plant("V02", y, 0, self.invest(y, approval_no=""))

    def before_V03(self, y: int, m: int) -> None:
        self.plant("V03", y, 0, self.invest(y, product="股票"))

    def before_V04(self, y: int, m: int) -> None:
        self.plant("V04", y, 0, self.invest(y, distributed_fen=45_678_90))

    def before_V05(self, y: int, m: int) -> None:
        self.plant("V05", y, 0, self.invest(y, invested_on=date(y - 8, 1, 9), last_income_on=date(y - 5, 1, 9)))

    def before_V06(self, y: int, m: int) -> None:
        name = f"挂靠公司{self.next()}"
        self.registers["holdings"].append({"investee": name, "share": "15%", "status": "存续", "_from": y})
        self.plant("V06", y, 0, name)

    def plant_V07(self, y: int, m: int) -> None:
        self.plant(
            "V07",
            y,
            m,
            self.voucher(
                self.day(y, m), ("1218", 60_500_11, 0), ("1002", 0, 60_500_11), summary="借款", party="某某贸易有限公司"
            ),
        )

    def paid(self, y: int, m: int) -> list[dict[str, Any]]:
        return self.out.evidence["pay", y, m]

    def plant_W01(self, y: int, m: int) -> None:
        self.paid(y, m).append(dict(self.paid(y, m)[0]))
        self.plant("W01", y, m)

    def plant_W02(self, y: int, m: int) -> None:
        row = self.paid(y, m)[1]
        self.paid(y, m).append(
            {**row, "id_no": f"ID{self.next()}", "name": "空饷者", "bank_account": f"7777{self.serial}"}
        )
        self.plant("W02", y, m)

    def plant_W03(self, y: int, m: int) -> None:
        self.paid(y, m)[3] |= {"bank_account": self.paid(y, m)[2]["bank_account"]}
        self.plant("W03", y, m)

    def plant_W04(self, y: int, m: int) -> None:
        self.plant("W04", y, m, self.expense(self.day(y, m), "30201", "发放节日补贴", 2_600_33, self.staff[4]))

    def plant_W05(self, y: int, m: int) -> None:
        self.paid(y, m)[0] |= {"pay_fen": 41_000_00, "base_fen": 41_000_00}
        self.plant("W05", y, m)

    def plant_W06(self, y: int, m: int) -> None:
        row = self.paid(y, m)[6]
        row |= {"pay_fen": int(row["pay_fen"] * 1.7), "base_fen": int(row["pay_fen"] * 1.7)}
        self.plant("W06", y, m)

    def plant_W07(self, y: int, m: int) -> None:
        self.paid(y, m)[4] |= {"base_fen": 4_000_00}
        self.plant("W07", y, m)

    def plant_W08(self, y: int, m: int) -> None:
        self.plant("W08", y, m, self.expense(self.day(y, m), "30226", "劳务费", 1_234_56, self.staff[3]))

    def before_P01(self, y: int, m: int) -> None:
        self.fixed[y, PUBLIC, "30217"] = 900_00
        self.plant("P01", y, 0, "公务接待")

    def before_P02(self, y: int, m: int) -> None:
        self.more[y, "30231"] = 1.3
        self.plant("P02", y, 0, "公务用车运行维护")

    def plant_P03(self, y: int, m: int) -> None:
        self.plant("P03", y, m, self.expense(self.day(y, m), "30201", "接待用餐", 860_77, "津味酒楼"))

    def form(self, y: int, m: int, **more: Any) -> str:
        number = f"JDX{self.next()}"
        self.add("forms", self.day(y, m), **{"kind": "reception", "number": number, "guests": 8, "escorts": 3, "amount_fen": 640_00, "approval_no": "示例批7号",
                                           "letter": True, "list_given": True, "invoice": True, "items": "工作餐", **more})  # fmt: skip
        return number

    def plant_P04(self, y: int, m: int) -> None:
        self.plant("P04", y, 0, self.form(y, m, letter=False))

    def plant_P05(self, y: int, m: int) -> None:
        self.plant("P05", y, 0, self.form(y, m, escorts=5))

    def plant_P06(self, y: int, m: int) -> None:
        self.plant("P06", y, 0, self.form(y, m, amount_fen=2_640_00))

    def plant_P07(self, y: int, m: int) -> None:
        self.plant("P07", y, 0, self.form(y, m, items="海参、白酒两瓶"))

    def plant_P08(self, y: int, m: int) -> None:
        self.plant(
            "P08", y, 0, self.form(y, m, kind="meeting", people=20, grade="三类", amount_fen=18_000_00, designated=True)
        )

    def plant_P09(self, y: int, m: int) -> None:
        self.plant(
            "P09",
            y,
            0,
            self.form(
                y, m, kind="meeting", people=20, grade="三类", amount_fen=3_000_00, designated=False, place="山间度假村"
            ),
        )

    def plant_P10(self, y: int, m: int) -> None:
        plate = f"津X{self.next()}"
        self.km[plate] = 9_000
        self.refuel(plate, self.day(y, m, 3, 8), 72, 500)
        del self.km[plate]
        self.plant("P10", y, 0, plate)

    def plant_P11(self, y: int, m: int) -> None:
        self.plant("P11", y, m, self.expense(self.day(y, m), "31013", "购置车辆", 268_800_13, "津门汽车销售"))

    def plant_P12(self, y: int, m: int) -> None:
        self.plant("P12", y, m, self.expense(self.day(y, m), "30212", "出国考察费", 38_800_29, "国际旅行服务"))

    def plant_P13(self, y: int, m: int) -> None:
        on, who = self.day(y, m, 5, 15), self.staff[8]
        for n in range(2):
            self.add("forms", on + timedelta(days=n), kind="travel", number=f"CLX{self.next()}", until=on + timedelta(days=3), person=who, amount_fen=900_00,
                     approval_no="示例批9号")  # fmt: skip
        self.plant("P13", y, 0, f"CLX{self.code}{self.serial:03}")

    def contract(self, y: int, m: int, fen: int, **more: Any) -> str:
        on, n = self.day(y, m, 2, 12), self.next()
        row = {"number": f"HTX{n}", "name": "服务", "supplier": f"承包商{n}", "category": f"品目{n}", "method": "竞争性磋商", "project": PUBLIC, "amount_fen": fen,
               "supplements_fen": 0, "signed_on": on, "filed_on": on + timedelta(days=4), "registered_on": date(2009, 3, 3), "capital_fen": 9_000_000_00,
               "supplier_account": f"63{n}", **more}  # fmt: skip
        self.add("contracts", on, **row)
        return row["number"]

    def plant_G01(self, y: int, m: int) -> None:
        category = f"绿化养护{self.next()}"
        for n in range(2):
            self.contract(y, m + 2 * n, 1_200_000_00, category=category)
        self.plant("G01", y, 0, category)

    def plant_G02(self, y: int, m: int) -> None:
        supplier = f"拆单公司{self.next()}"
        for _turn in range(2):
            self.contract(y, m, 310_000_00, supplier=supplier, category="印刷服务")
        self.plant("G02", y, 0, supplier)

    def plant_G03(self, y: int, m: int) -> None:
        party = f"临界公司{self.next()}"
        for n in range(2):
            self.expense(
                self.day(y, m + n), "30227", "委托业务费", 491_000_37 + n, party, project=f"大额项目{self.code}"
            )
        self.plant("G03", y, 0, party)

    def plant_G04(self, y: int, m: int) -> None:
        supplier = f"先付公司{self.next()}"
        self.contract(y, m + 1, 90_000_00, supplier=supplier)
        self.plant("G04", y, 0, supplier)
        self.expense(self.day(y, m), "30227", "预付服务款", 30_000_57, supplier)

    def plant_G05(self, y: int, m: int) -> None:
        self.plant("G05", y, 0, self.contract(y, m, 100_000_00, supplements_fen=18_000_00))

    def plant_G06(self, y: int, m: int) -> None:
        self.plant("G06", y, 0, self.contract(y, m, 100_000_00, filed_on=None))

    def plant_G07(self, y: int, m: int) -> None:
        self.plant("G07", y, 0, self.contract(y, m, 100_000_00, supplier_account=f"6222{self.code}02"))

    def plant_G08(self, y: int, m: int) -> None:
        self.plant("G08", y, 0, self.contract(y, m, 800_000_00, registered_on=date(y, 1, 20), capital_fen=500_000_00))

    def plant_G09(self, y: int, m: int) -> None:
        pair = [f"围标甲{self.next()}", f"围标乙{self.code}"]
        for n in range(3):
            price = self.chance.randrange(300_000_00, 450_000_00)
            self.tender(y, m + n, pair, [price, price * 106 // 100])
        self.plant("G09", y, 0, pair[0])

    def plant_T01(self, y: int, m: int) -> None:
        self.plant(
            "T01",
            y,
            m,
            self.voucher(
                self.day(y, m),
                ("5001" if self.government else "6602", 1_000_00, 0, "30201"),
                ("1002", 0, 990_00),
                summary="购办公用品",
                bank=False,
            ),
        )
        self.statement(self.day(y, m), 0, 990_00, {"summary": "购办公用品"})

    def plant_T02(self, y: int, m: int) -> None:
        self.numbers[y, m] += 2
        self.expense(self.day(y, m), "30201", "购办公用品", self.fen(500), "文华办公")
        self.plant("T02", y, m, "断号")

    def plant_T03(self, y: int, m: int) -> None:
        self.plant(
            "T03", y, m, self.expense(self.day(y, m), "30213", "维修费", self.fen(900), "滨城维修", attachments=0)
        )

    def plant_T04(self, y: int, m: int) -> None:
        self.plant(
            "T04",
            y,
            m,
            self.expense(
                self.day(y, m), "30213", "维修费", self.fen(900), "滨城维修", maker="同一人", reviewer="同一人"
            ),
        )

    def plant_T05(self, y: int, m: int) -> None:
        fen, number = self.fen(2500), f"0{self.chance.randrange(10**6, 10**7)}"
        self.expense(self.day(y, m), "30227", "软件服务费", fen, "云图信息", invoice=number)
        self.plant(
            "T05",
            y,
            0,
            self.expense(self.day(y, m + 2), "30227", "服务费", fen, "云图信息", invoice=number.lstrip("0")),
        )

    def plant_T06(self, y: int, m: int) -> None:
        fen, on, name = 3_321_47 + self.chance.randrange(90) * 1_00, self.day(y, m, 3, 20), f"影子公司{self.next()}"
        self.expense(on, "30213", "维修费", fen, "永固建筑")
        self.expense(self.workday(on + timedelta(days=2)), "30213", "维修费", fen, name)
        self.plant("T06", y, 0, name)

    def plant_T07(self, y: int, m: int) -> None:
        self.plant("T07", y, m, self.expense(self.day(y, m), "30227", "委托业务费", 80_000_00, "中信咨询"))

    def plant_T08(self, y: int, m: int) -> None:
        on = next(day for n in range(1, 28) if not self.working(day := date(y, m, n)))
        self.expense(on, "30213", "维修费", self.fen(700), "滨城维修")
        self.plant("T08", y, m, on.isoformat())

    def before_T09(self, y: int, m: int) -> None:
        fen = 26_543_21
        label = self.expense(self.day(y - 1, 12, 20), "30227", "委托业务费", fen, "正大会计")
        self.expense(self.day(y, 1, 5, 20), "30227", "红字冲销上年委托业务费", -fen, "正大会计")
        self.plant("T09", y, 1, label)

    def before_T10(self, y: int, m: int) -> None:
        for month in range(1, 13):
            for _turn in range(90):
                self.expense(self.day(y, month), "30213", "维修费", self.chance.randrange(470_00, 499_00), "利民机电")
        self.plant("T10", y)

    def plant_T11(self, y: int, m: int) -> None:
        name = f"小商户{self.next()}"
        for n in range(5):
            self.expense(self.day(y, m), "30213", "维修费", 300_11 + n * 37_00, name)
        self.expense(self.day(y, m + 1), "30213", "维修费", 36_500_29, name)
        self.plant("T11", y, 0, name)

    def plant_T12(self, y: int, m: int) -> None:
        self.plant("T12", y, m, self.expense(self.day(y, m), "30201", "购办公用品", 700_37, "津城物业"))

    def plant_T13(self, y: int, m: int) -> None:
        self.plant(
            "T13", y, m, self.expense(self.day(y, m), "30213", "维修费", self.fen(800), "滨城维修", budgetary=False)
        )

    def plant_T14(self, y: int, m: int) -> None:
        self.shown["1002", y, m] = 500_00
        self.plant("T14", y, 0, "1002")

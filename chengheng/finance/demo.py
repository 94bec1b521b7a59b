"""Finance's share of the demonstration city: six invented units with months of invented books and planted faults.

Everything goes through the room's own acts; a doubt has gone its whole way, others stand at different steps.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from chengheng.common.demo import DemoCity
from chengheng.common.people.access import SYSTEM
from chengheng.finance import actions, engine
from chengheng.finance.models import Doubt, EvidenceBatch, Finding, OperationCheck, Unit
from chengheng.finance.rules.catalogue import rules

UNITS = (
    ("U01", "administrative"),
    ("U02", "institution"),
    ("U03", "institution"),
    ("U04", "institution"),
    ("U05", "institution"),
    ("U06", "enterprise"),
)
YEAR = 2024
MONTHS = 6
_ITEMS = (
    ("30201", "办公用品"),
    ("30205", "水费"),
    ("30206", "电费"),
    ("30207", "邮电费"),
    ("30213", "维修费"),
    ("30226", "劳务费"),
    ("30227", "委托业务费"),
    ("30211", "差旅费"),
)
_PARTIES = ("津城物业公司（演示）", "海河印务（演示）", "北辰通信服务（演示）", "滨城维修（演示）", "云图信息（演示）")


def build(city: DemoCity) -> None:
    """Make the units, their books and the doubts; nothing when they are there already."""
    people = {
        role: city.person(f"fin_{role}", name, "CGW" if role != "unit_accountant" else "U02", f"finance.{role}")
        for role, name in (
            ("importer", "财务数据导入员"),
            ("rule_editor", "财务规则管理员"),
            ("issuer", "审计员"),
            ("reviewer", "疑点复核人"),
            ("closer", "疑点销号人"),
            ("leader", "财务监督负责人"),
            ("unit_accountant", "单位会计（委属单位二）"),
        )
    }
    if Unit.objects.exists():
        return
    for code, kind in UNITS:
        unit = actions.supervise_unit(
            SYSTEM,
            city.organisation(code),
            kind=kind,
            accounting="enterprise" if kind == "enterprise" else "government",
            supervised_from=date(YEAR, 1, 1),
        )
        _books(city, unit, code)
        monthly = [rule.code for rule in rules().values() if rule.executable and engine.MONTHLY.search(rule.sql)]
        for month in range(1, MONTHS):
            engine.run(unit, YEAR, month, monthly)
        engine.run(unit, YEAR, MONTHS)
    _doubts(people)
    today = timezone.localdate()
    for back in range(3):
        if not OperationCheck.objects.filter(day=today - timedelta(days=back)).exists():
            actions.check_batches(today - timedelta(days=back))


def _books(city: DemoCity, unit: Unit, code: str) -> None:
    chance = city.random
    government = unit.kind != "enterprise"

    def keep(kind: str, period: int, rows: list[dict[str, Any]]) -> None:
        if not EvidenceBatch.objects.filter(unit=unit, kind=kind, year=YEAR, period=period).exists():
            actions.store_batch(SYSTEM, unit, kind, YEAR, period, rows, origin="演示数据", run_rules=False)

    keep(
        "budgets",
        0,
        [{"project": "公用经费", "econ": econ, "budget_fen": 60_000_00} for econ, _name in _ITEMS]
        + [
            {"project": "公用经费", "econ": "30217", "budget_fen": 6_000_00},
            {"project": "公用经费", "econ": "30231", "budget_fen": 30_000_00},
        ],
    )
    keep(
        "accounts",
        MONTHS,
        [
            {
                "account_no": f"1207{code}001",
                "bank": "某银行海河支行（演示）",
                "kind": "基本存款账户",
                "approval_no": "演示批复1号",
                "opened_on": date(2020, 3, 2),
            },
            *(
                [
                    {
                        "account_no": f"1207{code}002",
                        "bank": "某银行南开支行（演示）",
                        "kind": "专用存款账户",
                        "approval_no": "",
                        "opened_on": date(2023, 3, 2),
                    }
                ]
                if code == "U03"
                else []
            ),
        ],
    )
    keep(
        "assets",
        MONTHS,
        [
            {
                "number": f"{code}-{n:03}",
                "name": "台式计算机",
                "cost_fen": 5_600_00,
                "acquired_on": date(2022, 5, 1),
                "checked_on": date(YEAR, 1, 20),
                "state": "闲置" if code == "U04" and n < 3 else "在用",
                "idle_since": date(2023, 2, 1) if code == "U04" and n < 3 else None,
            }
            for n in range(1, 9)
        ],
    )
    keep(
        "staff", MONTHS, [{"id_no": f"演示{code}{n:02}", "name": f"职工{n:02}", "status": "在职"} for n in range(1, 13)]
    )
    keep(
        "investments",
        MONTHS,
        [
            {
                "investee": "津城停车公司（演示）",
                "product": "股权",
                "funds": "自有资金",
                "amount_fen": 500_000_00,
                "invested_on": date(2021, 1, 5),
                "approval_no": "" if code == "U06" else "演示批复2号",
                "last_income_on": date(2023, 12, 20),
            }
        ]
        if code in ("U05", "U06")
        else [
            {
                "investee": "无对外投资（零申报）",
                "product": "无",
                "funds": "无",
                "amount_fen": 0,
                "invested_on": date(YEAR, 1, 1),
                "approval_no": "零申报",
                "last_income_on": date(YEAR, 1, 1),
            }
        ],
    )
    for month in range(1, MONTHS + 1):
        lines: list[dict[str, Any]] = []
        bank: list[dict[str, Any]] = []
        number = 0

        def expense(day: date, econ: str, summary: str, fen: int, party: str, **head: Any) -> None:
            nonlocal number
            number += 1
            paid_from = head.pop("paid_from", "1002")
            common = {
                "day": day,
                "word": "记",
                "number": str(number),
                "summary": summary,
                "project": "公用经费",
                "party": party,
                "attachments": 2,
                "maker": "钱会计",
                "reviewer": "孙主管",
                "poster": "李记账",
                "cashier": "周出纳",
                **head,
            }
            pairs = [("5001" if government else "6602", fen, 0), (paid_from, 0, fen)]
            pairs += (
                [("7201" if unit.kind == "institution" else "7101", fen, 0), ("8001", 0, fen)] if government else []
            )
            for place, (account, debit, credit) in enumerate(pairs, 1):
                with_econ = account[:1] in "567"
                lines.append(  # noqa: B023 - called in this turn of the loop only
                    {
                        **common,
                        "line": place,
                        "account": account + (econ if with_econ else ""),
                        "econ": econ if with_econ else "",
                        "debit_fen": debit,
                        "credit_fen": credit,
                    }
                )
            if paid_from == "1002":
                bank.append(  # noqa: B023
                    {"day": day, "account_no": f"1207{code}001", "party": party, "summary": summary, "out_fen": fen}
                )

        for _ in range(26):
            econ, summary = chance.choice(_ITEMS)
            day = _working_day(chance, month)
            expense(
                day, econ, summary, chance.randrange(30_000, 190_000) + chance.randrange(1, 99), chance.choice(_PARTIES)
            )
        if code == "U02" and month == 3:
            expense(date(YEAR, 3, 12), "30201", "接待用餐", 1_860_00, "津味酒楼（演示）", paid_from="1001")
        if code == "U03" and month == 5:
            for _ in range(2):
                expense(date(YEAR, 5, 14), "30227", "数据服务费", 38_888_00, "云图信息（演示）", invoice="00345178")
        if code == "U04" and month == 4:
            expense(date(YEAR, 4, 10), "30201", "购打印机", 4_500_00, "北辰办公（演示）", reviewer="钱会计")
        if code == "U01" and month == 6:
            expense(date(YEAR, 6, 12), "30217", "公务接待", 9_200_00, "津味酒楼（演示）")
        keep("lines", month, lines)
        keep("bank", month, bank)
        keep(
            "pay",
            month,
            [
                {
                    "id_no": f"演示{code}{n:02}",
                    "name": f"职工{n:02}",
                    "bank_account": f"6222{code}{n:02}" if not (code == "U05" and n == 2) else f"6222{code}01",
                    "pay_fen": 7_800_00 + n * 100_00,
                    "base_fen": 7_800_00 + n * 100_00,
                }
                for n in range(1, 13)
            ],
        )
        keep(
            "cards",
            month,
            [
                {
                    "day": date(YEAR, month, 8 + n),
                    "card_no": f"6282{code}{n}",
                    "holder": f"职工{n:02}",
                    "merchant": "津城快餐（演示）",
                    "amount_fen": 260_00 + n,
                    "reimbursed_fen": 260_00 + n,
                    "reimbursed_on": date(YEAR, month, 20 + n),
                    "swipe_no": f"{code}{month:02}{n}",
                }
                for n in range(1, 4)
            ],
        )
    keep(
        "contracts",
        MONTHS,
        [
            {
                "number": f"{code}-HT{n}",
                "name": "服务合同",
                "supplier": _PARTIES[n],
                "category": f"品目{n}",
                "method": "竞争性磋商",
                "project": "公用经费",
                "amount_fen": 80_000_00,
                "supplements_fen": 20_000_00 if code == "U04" and n == 1 else 0,
                "signed_on": date(YEAR, 1, 3),
                "filed_on": date(YEAR, 1, 5),
            }
            for n in range(1, 4)
        ],
    )
    keep(
        "forms",
        MONTHS,
        [
            {
                "kind": "reception",
                "number": f"{code}-JD1",
                "day": date(YEAR, 3, 12),
                "guests": 6,
                "escorts": 5 if code == "U02" else 2,
                "amount_fen": 860_00,
                "approval_no": "演示批3号",
                "letter": code != "U02",
                "list_given": True,
                "invoice": True,
            }
        ],
    )


def _working_day(chance: Any, month: int) -> date:
    day = date(YEAR, month, chance.randrange(1, monthrange(YEAR, month)[1] + 1))
    return day if day.weekday() < 5 else day - timedelta(days=2) if day.day > 2 else day + timedelta(days=2)


def _doubts(people: dict[str, Any]) -> None:
    """Four doubts of the second unit (its accountant can sign in), each a step further."""
    findings = list(Finding.objects.filter(unit__organisation__code="U02", level__in=("高", "中")).order_by("pk")[:4])
    steps = (
        lambda doubt: actions.issue_doubt(doubt, people["issuer"]),
        lambda doubt: actions.explain_doubt(doubt, people["unit_accountant"], note="当日银行系统故障，未能转账。"),
        lambda doubt: actions.confirm_doubt(doubt, people["reviewer"], note="说明与银行流水不符。"),
        lambda doubt: actions.rectify_doubt(doubt, people["unit_accountant"], note="已更正凭证并组织学习。"),
        lambda doubt: actions.verify_doubt(doubt, people["reviewer"]),
        lambda doubt: actions.close_doubt(doubt, people["closer"]),
    )
    for finding, far in zip(findings, (6, 3, 1, 0), strict=False):
        if Doubt.objects.filter(finding=finding).exists():
            continue
        doubt = actions.raise_doubt(finding, people["issuer"])
        for step in steps[:far]:
            doubt = step(doubt)

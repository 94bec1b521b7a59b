"""This room's share of the demonstration city: the seven real target tables of 2024, bound, with invented payments."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from chengheng.common.demo import DemoCity
from chengheng.common.people.access import SYSTEM
from chengheng.performance import actions, queries
from chengheng.performance.imports import read_files
from chengheng.performance.models import Payment

TABLES = Path(__file__).parent / "data" / "targets_2024.txt"
"""The published tables of the centre for 2024; a public government document, kept as it is."""

_SHARES = (8, 8, 8, 9, 8, 8, 9, 8, 8, 9, 8, 7)  # per cent of the budget paid by month: 98 in the year


def build(city: DemoCity) -> None:
    """Import the tables, confirm every suggested binding, pay each programme month by month. Safe to repeat."""
    officer = city.person("performance", "绩效专员", "326206", "performance.officer")
    city.person("leader", "中心主任", "326206", "performance.leader")
    actions.import_tables(read_files([(TABLES.name, TABLES.read_bytes())]), officer)
    for programme in queries.programmes(2024, SYSTEM):
        actions.suggest_bindings(programme)
        for indicator in programme.indicators.select_related("binding"):
            bound = getattr(indicator, "binding", None)
            if bound is not None and bound.confirmed_at is None and bound.measure:
                actions.confirm_binding(indicator, officer, measure=bound.measure, options=bound.options)
        if Payment.objects.filter(programme=programme).exists():
            continue
        for month, share in enumerate(_SHARES, start=1):
            actions.enter_payment(
                programme, officer, amount_fen=programme.budget_total_fen * share // 100,
                paid_on=date(2024, month, 20), payee="服务单位（演示）", voucher=f"演示-{month:02}",
            )  # fmt: skip

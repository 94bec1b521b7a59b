"""What patrol can prove: the numbers that the target table of 以奖代补 asks for, and those of the case's life."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Count, QuerySet
from django.utils.translation import gettext_lazy as _

from chengheng.common.measures import Measured, Period, Scope, measure
from chengheng.common.people import access
from chengheng.patrol.models import Case, Source


def _cases(period: Period, scope: Scope) -> QuerySet[Case]:
    cases = Case.objects.filter(**period.holds("reported_at"))
    if scope.user is not None:
        cases = access.visible(scope.user, "patrol.case.view", cases)
    if scope.organisation is not None:
        cases = cases.filter(department__path__startswith=scope.organisation.path)
    if scope.area:
        cases = cases.filter(area_code__startswith=scope.area)
    return cases


def _collected(period: Period, scope: Scope) -> QuerySet[Case]:
    return _cases(period, scope).filter(source=Source.COLLECTOR)


@measure(
    "patrol.collected",
    label=_("Problems collected"),
    unit="件",
    definition=_("Cases reported by collectors in the period, whatever became of them."),
    source="target table 2024 (采集总量); facts/domain.md B.7 上报数",
    system="patrol",
    keywords=("采集总量", "采集上报问题", "上报数"),
    cumulative=True,
    evidence_act="patrol.case.view",
)
def collected(period: Period, scope: Scope) -> Measured:
    return Measured.count(_collected(period, scope), ever=Case.objects.exists())


@measure(
    "patrol.collected_monthly",
    label=_("Problems collected in the weakest month"),
    unit="件",
    definition=_("The fewest cases that collectors reported in any whole calendar month of the period."),
    source="target table 2024 (月度采集总量)",
    system="patrol",
    keywords=("月度采集总量", "月度采集", "每月采集"),
    evidence_act="patrol.case.view",
)
def collected_monthly(period: Period, scope: Scope) -> Measured:
    cases = _collected(period, scope)
    months = [month for month in period.months() if month == Period.month(month.start.year, month.start.month)]
    if not months or not Case.objects.exists():
        return Measured(None, cases.none(), note=_("No whole month lies in the period."))
    found: dict[int, int] = dict(cases.values_list("month").annotate(cases=Count("pk")).order_by())
    numbers = {month.start.year * 100 + month.start.month: 0 for month in months}
    numbers |= {month: number for month, number in found.items() if month in numbers}
    weakest = min(numbers, key=lambda month: (numbers[month], month))
    return Measured(Decimal(numbers[weakest]), cases.filter(month=weakest), note=f"{weakest // 100}-{weakest % 100:02}")


@measure(
    "patrol.valid_rate",
    label=_("Valid-report rate"),
    unit="%",
    definition=_("Collectors' cases that the centre checked and filed ÷ collectors' cases, decided or not."),
    source="GB/T 30428.4 vocabulary (有效上报率 = 有效上报 / 上报); facts/domain.md B.7",
    system="patrol",
    keywords=("信息有效上报率", "有效上报率", "有效率"),
    evidence_act="patrol.case.view",
)
def valid_rate(period: Period, scope: Scope) -> Measured:
    cases = _collected(period, scope)
    return Measured.ratio(cases.filter(filed=True).count(), cases.count(), cases)


@measure(
    "patrol.handled_in_time_rate",
    label=_("Handled-in-time rate"),
    unit="%",
    definition=_(
        "Cases handled within their limit ÷ cases whose handling is done or due; granted appeals count as in time."
    ),
    source="GB/T 30428.4 vocabulary (按期处置率 = 按期处置 / 应处置); facts/domain.md B.7",
    system="patrol",
    keywords=("按时处置", "按期处置率", "有效流转", "城市管理"),
    evidence_act="patrol.case.view",
)
def handled_in_time_rate(period: Period, scope: Scope) -> Measured:
    from chengheng.patrol.statistics import counts

    cases = _cases(period, scope).filter(filed=True)
    row = counts(cases)[0]
    return Measured.ratio(row["handled_in_time"], row["to_handle"], cases.exclude(handle_due_at=None, handled_at=None))


@measure(
    "patrol.closed_rate",
    label=_("Closing rate"),
    unit="%",
    definition=_("Closed cases ÷ closed cases and cases whose closing is due."),
    source="GB/T 30428.4 vocabulary (结案率 = 结案 / 应结案); facts/domain.md B.7",
    system="patrol",
    keywords=("结案率",),
    evidence_act="patrol.case.view",
)
def closed_rate(period: Period, scope: Scope) -> Measured:
    from chengheng.patrol.statistics import counts

    cases = _cases(period, scope).filter(filed=True)
    row = counts(cases)[0]
    return Measured.ratio(row["closed"], row["to_close"], cases)

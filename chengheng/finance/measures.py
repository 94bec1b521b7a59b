"""What finance can prove: coverage of aspects and units, doubts found, confirmed and put right, and that the net runs."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _

from chengheng.common.measures import Measured, Period, Scope, measure
from chengheng.common.people import access
from chengheng.finance.models import Aspect, Doubt, OperationCheck, RuleRun, Unit

TABLE_6 = "target table 2024 (委财务审计监督一张网运维项目)"
ANSWERED = (RuleRun.Outcome.CLEAN, RuleRun.Outcome.FOUND)


def _months(period: Period) -> list[int]:
    return [month.start.year * 12 + month.start.month for month in period.months()]


def _runs(period: Period, scope: Scope) -> QuerySet[RuleRun]:
    """Rules that gave an answer (clean or found; insufficient data is none) for a month of the period."""
    months = _months(period)
    runs = RuleRun.objects.filter(outcome__in=ANSWERED).annotate(month=F("year") * 12 + F("period"))
    runs = runs.filter(month__gte=months[0], month__lte=months[-1])
    if scope.user is not None:
        runs = access.visible(scope.user, "finance.finding.view", runs)
    if scope.organisation is not None:
        runs = runs.filter(unit__organisation__path__startswith=scope.organisation.path)
    return runs


def _doubts(scope: Scope) -> QuerySet[Doubt]:
    doubts = Doubt.objects.all()
    if scope.user is not None:
        doubts = access.visible(scope.user, "finance.doubt.view", doubts)
    if scope.organisation is not None:
        doubts = doubts.filter(unit__organisation__path__startswith=scope.organisation.path)
    return doubts


@measure(
    "finance.aspects_covered",
    label=_("Aspects under supervision"),
    unit="个",
    definition=_("Aspects on which at least one rule gave an answer, for any unit and month of the period."),
    source=TABLE_6,
    system="finance",
    keywords=("9个方面", "九个方面", "监控方面", "监督方面"),
    evidence_act="finance.rule.view",
)
def aspects_covered(period: Period, scope: Scope) -> Measured:
    codes = _runs(period, scope).order_by().values("aspect").distinct()
    return Measured.count(Aspect.objects.filter(counted=True, pk__in=codes), ever=RuleRun.objects.exists())


@measure(
    "finance.units_covered",
    label=_("Units covered"),
    unit="%",
    definition=_("Units under supervision in the period for which rules gave answers ÷ all of them."),
    source=TABLE_6,
    system="finance",
    keywords=("委属各企事业单位", "监督单位覆盖率", "单位覆盖率"),
    evidence_act="finance.unit.view",
)
def units_covered(period: Period, scope: Scope) -> Measured:
    units = Unit.objects.filter(supervised_from__lte=period.end).exclude(supervised_to__lt=period.start)
    if scope.user is not None:
        units = access.visible(scope.user, "finance.unit.view", units)
    if scope.organisation is not None:
        units = units.filter(organisation__path__startswith=scope.organisation.path)
    covered = units.filter(pk__in=_runs(period, scope).order_by().values("unit"))
    return Measured.ratio(covered.count(), units.count(), covered)


@measure(
    "finance.doubts_found",
    label=_("Audit doubts taken up"),
    unit="个",
    definition=_("Findings that an auditor took up as doubts in the period."),
    source=TABLE_6,
    system="finance",
    keywords=("审计疑点", "发现疑点"),
    better="neither",
    cumulative=True,
    evidence_act="finance.doubt.view",
)
def doubts_found(period: Period, scope: Scope) -> Measured:
    return Measured.count(_doubts(scope).filter(**period.holds("found_at")), ever=RuleRun.objects.exists())


@measure(
    "finance.doubts_confirmed",
    label=_("Audit doubts confirmed"),
    unit="个",
    definition=_("Doubts that a reviewer confirmed in the period."),
    source=TABLE_6,
    system="finance",
    keywords=("疑点核实", "确认问题"),
    better="neither",
    cumulative=True,
    evidence_act="finance.doubt.view",
)
def doubts_confirmed(period: Period, scope: Scope) -> Measured:
    doubts = _doubts(scope).filter(confirmed=True, **period.holds("decided_at"))
    return Measured.count(doubts, ever=RuleRun.objects.exists())


@measure(
    "finance.rectified_on_time",
    label=_("Rectified on time"),
    unit="%",
    definition=_("Confirmed doubts due for rectification in the period and reported by their day ÷ all that were due."),
    source=TABLE_6,
    system="finance",
    keywords=("整改及时率", "按期整改率", "整改完成率"),
    evidence_act="finance.doubt.view",
)
def rectified_on_time(period: Period, scope: Scope) -> Measured:
    due = _doubts(scope).filter(confirmed=True, **period.holds("rectify_due_at"))
    good = due.filter(rectified_at__lte=F("rectify_due_at"))
    return Measured.ratio(good.count(), due.count(), due)


@measure(
    "finance.net_running",
    label=_("Days on which the supervision net proved sound"),
    unit="%",
    definition=_(
        "Days of the period with a daily self-check that found every stored batch unchanged ÷ "
        "days of the period since the first check."
    ),
    source=TABLE_6,
    system="finance",
    keywords=(
        "使财务审计监督一张网平稳运行",
        "财务审计监督一张网平稳运行",
        "通过保障基础设施及业务系统的稳定性，确保业务平稳运行",
        "通过保障基础设施及业务系统的稳定性",
    ),
    evidence_act="finance.rule.view",
)
def net_running(period: Period, scope: Scope) -> Measured:
    checks = OperationCheck.objects.filter(day__range=(period.start, period.end))
    first = OperationCheck.objects.order_by("day").values_list("day", flat=True).first()
    last = checks.order_by("-day").values_list("day", flat=True).first()
    if first is None or last is None:
        return Measured(None, checks)
    days = (min(period.end, last) - max(period.start, first)).days + 1
    return Measured.ratio(checks.filter(broken=[]).count(), max(days, 1), checks, note=str(Decimal(days)))

"""What dust weighing can prove: the four numbers that the 2024 table asks for."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Min, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.cleanliness.models import Check, PlanItem, ServiceCost
from chengheng.cleanliness.queries import COUNTED, month_of
from chengheng.common.measures import Measured, Period, Scope, measure
from chengheng.common.people import access

SOURCE = "2024 target table, unit 326206"
VIEW = "cleanliness.check.view"


def _checks(period: Period, scope: Scope, *states: str) -> QuerySet[Check]:
    rows = Check.objects.filter(state__in=states, **period.holds("done_at"))
    if scope.area:
        rows = rows.filter(district_code__startswith=scope.area)
    if scope.organisation is not None:
        rows = rows.filter(contractor__path__startswith=scope.organisation.path)
    if scope.user is not None:
        rows = access.visible(scope.user, VIEW, rows)
    return rows.order_by("pk")


@measure(
    "cleanliness.road_checks", label=_("Road checks"), unit="条次", system="cleanliness", source=SOURCE,
    definition=_("Road checks with a valid result (at least six valid points); a re-checked road counts once."),
    keywords=("道路检测数", "以克论净", "检测考核"), cumulative=True, evidence_act=VIEW,
)  # fmt: skip
def road_checks(period: Period, scope: Scope) -> Measured:
    return Measured.count(_checks(period, scope, *COUNTED), ever=Check.objects.exists())


@measure(
    "cleanliness.points_minimum", label=_("Points of a road check, least"), unit="个", system="cleanliness",
    source=SOURCE, keywords=("道路检测点位数", "检测点位"), evidence_act=VIEW,
    definition=_("The least number of valid points of any concluded check, incomplete ones included."),
)  # fmt: skip
def points_minimum(period: Period, scope: Scope) -> Measured:
    rows = _checks(period, scope, *COUNTED, "incomplete")
    least = rows.aggregate(least=Min("valid_points"))["least"]
    return Measured(None if least is None else Decimal(least), rows.order_by("valid_points", "pk"))


@measure(
    "cleanliness.points_share", label=_("Share of checks with six points or more"), unit="%", system="cleanliness",
    source=SOURCE, keywords=("点位达标率",), evidence_act=VIEW,
    definition=_("Concluded checks with at least six valid points ÷ all concluded checks."),
)  # fmt: skip
def points_share(period: Period, scope: Scope) -> Measured:
    rows = _checks(period, scope, *COUNTED, "incomplete")
    return Measured.ratio(rows.filter(valid_points__gte=6).count(), rows.count(), rows)


@measure(
    "cleanliness.by_plan", label=_("Checks by plan on time"), unit="%", system="cleanliness", source=SOURCE,
    keywords=("按月度检测考核", "按照工作计划", "工作计划进行检测"), evidence_act="cleanliness.plan.view",
    definition=_(
        "Planned checks of the months of the period that were made within their month ÷ all planned ones, less those "
        "cancelled with a reason. Months that have no plan count as not done: the note names them."
    ),
)  # fmt: skip
def by_plan(period: Period, scope: Scope) -> Measured:
    today = timezone.localdate()
    months = [month_of(one.start) for one in period.months() if one.end <= today]
    rows = PlanItem.objects.filter(plan__month__in=months, plan__sealed_at__isnull=False, cancelled_at=None)
    if scope.area:
        rows = rows.filter(road__district_code__startswith=scope.area)
    if scope.user is not None and not access.may(scope.user, "cleanliness.plan.view"):
        rows = rows.none()
    done = rows.filter(Q(checks__state__in=(*COUNTED, "incomplete", "signed", "sampled"), checks__on_time=True))
    planned = set(rows.values_list("plan__month", flat=True))
    missing = [month for month in months if month not in planned]
    note = _("No plan: %s") % ", ".join(map(str, missing)) if missing and planned else ""
    return Measured.ratio(done.distinct().count(), rows.count(), rows.order_by("pk"), note=str(note))


@measure(
    "cleanliness.cost_per_check", label=_("Cost per road check"), unit="元", system="cleanliness", source=SOURCE,
    keywords=("单次检测成本", "每条次成本"), better="lower", evidence_act="cleanliness.cost.view",
    definition=_("Amounts entered for the months of the period ÷ road checks with a valid result."),
)  # fmt: skip
def cost_per_check(period: Period, scope: Scope) -> Measured:
    costs = ServiceCost.objects.filter(month__in=[month_of(one.start) for one in period.months()])
    if scope.user is not None:
        costs = access.visible(scope.user, "cleanliness.cost.view", costs)
    fen = costs.aggregate(fen=Sum("amount_fen"))["fen"]
    checks = _checks(period, Scope(area=scope.area), *COUNTED).count()
    value = (Decimal(fen) / 100 / checks).quantize(Decimal("0.01")) if fen is not None and checks else None
    return Measured(value, costs.order_by("month"), fen, checks)

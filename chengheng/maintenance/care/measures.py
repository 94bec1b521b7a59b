"""What can be proved around repairs: how satisfied those are who reported."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from chengheng.common.measures import Measured, Period, Scope, measure
from chengheng.common.people import access
from chengheng.maintenance.care.models import Rating
from chengheng.maintenance.measures import OF_SYSTEM, SYSTEM_WORDS


def _ratings(period: Period, scope: Scope) -> QuerySet[Rating]:
    rows = Rating.objects.filter(fault__void=False, **period.holds("at"))
    if scope.option("system"):
        rows = rows.filter(fault__system__code=scope.option("system"))
    if scope.organisation is not None:
        rows = rows.filter(fault__device__site__organisation__path__startswith=scope.organisation.path)
    if scope.area:
        rows = rows.filter(fault__device__site__organisation__district_code__startswith=scope.area[:6])
    return access.visible(scope.user, "maintenance.fault.view", rows) if scope.user is not None else rows


@measure(
    "maintenance.satisfaction", label=_("Users satisfied with repairs"), unit="%",
    definition=_(
        "Ratings “satisfied” or “very satisfied” ÷ ratings of the period, given by those who reported a fault after its "
        "repair; one for each report, the last word counts."
    ),
    source="local definition; target tables 2024 ask for 使用部门满意度 ≥90%", system="maintenance",
    keywords=("维修满意度", "报修满意度", "运维服务满意度", "用户满意度"), options=OF_SYSTEM, option_words=SYSTEM_WORDS,
    evidence_act="maintenance.fault.view",
)  # fmt: skip
def satisfaction(period: Period, scope: Scope) -> Measured:
    """Per cent; None while nobody was heard."""
    rows = _ratings(period, scope)
    return Measured.ratio(rows.filter(score__gte=Rating.SATISFIED).count(), rows.count(), rows)

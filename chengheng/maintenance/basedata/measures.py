"""What base data can prove: features brought up to date, editions, censuses (project 5 also pays for 基础数据更新)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import F, IntegerField, Q, QuerySet, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from chengheng.common.measures import Measured, Period, Scope, measure
from chengheng.common.people import access
from chengheng.maintenance.basedata.models import Census, ChangeSet
from chengheng.maintenance.basedata.rules import KINDS

OF_KIND: dict[str, dict[str, str | Promise]] = {"kind": {kind.code: kind.label for kind in KINDS.values()}}
KIND_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "kind": {"component": ("部件",), "grid": ("单元网格",), "place": ("地名", "地址"), "duty": ("责任网格", "责任区")},
}  # fmt: skip


def _published(period: Period, scope: Scope) -> QuerySet[ChangeSet]:
    rows = ChangeSet.objects.filter(state="published", **period.holds("published_at"))
    if scope.option("kind"):
        rows = rows.filter(kind=scope.option("kind"))
    return access.visible(scope.user, "maintenance.base.view", rows) if scope.user is not None else rows


@measure(
    "maintenance.base_updated", label=_("Base data updated"), unit="条", better="neither",
    definition=_("Features added, changed and removed by the editions of base data published in the period."),
    source="local definition", system="maintenance",
    keywords=("基础数据更新", "基础数据更新数量", "数据更新数量", "部件数据更新"),
    options=OF_KIND, option_words=KIND_WORDS, evidence_act="maintenance.base.view",
)  # fmt: skip
def base_updated(period: Period, scope: Scope) -> Measured:
    """Sum over the published change sets; the evidence is the change sets."""
    rows = _published(period, scope)
    total = rows.aggregate(total=Sum(Cast(KT("counts__total"), IntegerField())))["total"]
    if total is None:
        value = Decimal(0) if ChangeSet.objects.filter(state="published").exists() else None
        return Measured(value, rows)
    sets: Any = rows.count()
    return Measured(
        Decimal(total), rows, note=ngettext("in %(n)s change set", "in %(n)s change sets", sets) % {"n": sets}
    )


@measure(
    "maintenance.census_in_time", label=_("Census tasks done in time"), unit="%", better="higher",
    definition=_("Census tasks due in the period that were finished by their day ÷ census tasks due in the period."),
    source="local definition", system="maintenance", keywords=("普查任务按时完成率", "普查完成率"),
    evidence_act="maintenance.base.survey",
)  # fmt: skip
def census_in_time(period: Period, scope: Scope) -> Measured:
    """By the surveyor's day of finishing."""
    rows = Census.objects.filter(due_on__gte=period.start, due_on__lte=period.end)
    if scope.area:
        rows = rows.filter(area_code__startswith=scope.area)
    if scope.user is not None:
        rows = access.visible(scope.user, "maintenance.base.survey", rows)
    due = rows.count()
    if not due:
        return Measured(None, rows)
    done = rows.filter(Q(finished_at__isnull=False) & Q(finished_at__date__lte=F("due_on"))).count()
    return Measured((Decimal(done) / due * 100).quantize(Decimal("0.01")), rows, Decimal(done), Decimal(due))

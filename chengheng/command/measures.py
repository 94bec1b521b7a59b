"""What command can prove: venues kept, links that worked, orders received and finished in time.

The normal rate (正常养护率) and the response time of the maintenance contract are measures of maintenance, from faults.
"""

from __future__ import annotations

from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.command.models import LinkCheck, Order, Site, Target
from chengheng.common.measures import Measured, Period, Scope, measure
from chengheng.common.people import access

_SOURCE = "2024 target table of the programme (视频会议及城市管理指挥调度系统运维)"


def _scoped(rows: QuerySet, scope: Scope, act: str, organisation: str, area: str) -> QuerySet:
    if scope.user is not None:
        rows = access.visible(scope.user, act, rows)
    if scope.organisation is not None:
        rows = rows.filter(**{f"{organisation}__path__startswith": scope.organisation.path})
    return rows.filter(**{f"{area}__startswith": scope.area}) if scope.area else rows


@measure(
    "command.sites", label=_("Venues maintained"), unit="个",
    definition=_("Venues of districts and units (the main venue not counted) that were in service on at least one day "
                 "of the period."),
    source=_SOURCE, system="command", keywords=("各会场维护数量", "会场维护数量", "会场数量", "涉及区和单位", "点位"),
    evidence_act="command.site.view",
)  # fmt: skip
def sites(period: Period, scope: Scope) -> Measured:
    rows = Site.objects.filter(serves_from__lte=period.end).exclude(kind="main")
    rows = rows.filter(Q(serves_until=None) | Q(serves_until__gte=period.start))
    return Measured.count(
        _scoped(rows, scope, "command.site.view", "organisation", "area_code"), ever=Site.objects.exists()
    )


@measure(
    "command.link_availability", label=_("Link availability of the venues"), unit="%",
    definition=_("Link checks that found the link working (good or poor) ÷ link checks."),
    source="local definition; thresholds in command.rules", system="command",
    keywords=("链路可用率", "会场在线率", "互联互通", "网络通信"), evidence_act="command.site.view",
)  # fmt: skip
def link_availability(period: Period, scope: Scope) -> Measured:
    rows = LinkCheck.objects.filter(**period.holds("at"))
    rows = _scoped(rows, scope, "command.site.view", "site__organisation", "site__area_code")
    return Measured.ratio(rows.exclude(result="down").count(), rows.count(), rows)


def _targets(period: Period, scope: Scope) -> QuerySet[Target]:
    rows = Target.objects.filter(drill=False, **period.holds("issued_at")).exclude(state="withdrawn")
    return _scoped(rows, scope, "command.target.view", "organisation", "organisation__district_code")


@measure(
    "command.orders", label=_("Orders given"), unit="件",
    definition=_("Orders given in the period; drills are not counted."), source="local rule", system="command",
    keywords=("指令数量", "调度指令", "下达指令", "指挥调度次数"), cumulative=True, evidence_act="command.order.view",
)  # fmt: skip
def orders(period: Period, scope: Scope) -> Measured:
    rows = Order.objects.filter(drill=False, **period.holds("issued_at"))
    rows = _scoped(rows, scope, "command.order.view", "organisation", "organisation__district_code")
    return Measured.count(rows, ever=Order.objects.exists())


@measure(
    "command.received_on_time", label=_("Orders received in time"), unit="%",
    definition=_("Organisations that signed for their order within its limit ÷ organisations whose receipt was given or "
                 "came due; recalled orders and drills are not counted."),
    source="local rule", system="command", keywords=("指令签收及时率", "签收及时率", "指令接收"),
    evidence_act="command.target.view",
)  # fmt: skip
def received_on_time(period: Period, scope: Scope) -> Measured:
    rows = _targets(period, scope).filter(Q(received_at__isnull=False) | Q(receipt_due_at__lt=timezone.now()))
    return Measured.ratio(rows.filter(received_at__lte=F("receipt_due_at")).count(), rows.count(), rows)


@measure(
    "command.finished_on_time", label=_("Orders finished in time"), unit="%",
    definition=_("Organisations that finished their order within its limit ÷ organisations that finished or were due; "
                 "recalled orders and drills are not counted."),
    source="local rule", system="command", keywords=("指令办结及时率", "按时办结率", "指令完成率", "指令办结"),
    evidence_act="command.target.view",
)  # fmt: skip
def finished_on_time(period: Period, scope: Scope) -> Measured:
    rows = _targets(period, scope).filter(Q(finished_at__isnull=False) | Q(finish_due_at__lt=timezone.now()))
    return Measured.ratio(rows.filter(finished_at__lte=F("finish_due_at")).count(), rows.count(), rows)

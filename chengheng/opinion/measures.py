"""What public opinion can prove: that it listened all year, how fast it warned, how fast false stories were pushed."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import F, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils.translation import gettext_lazy as _

from chengheng.common.measures import Measured, Period, Scope, measure
from chengheng.common.people import access
from chengheng.opinion.models import Alert, Channel, Claim, Item, SourceHour
from chengheng.opinion.rules import percentile

_SOURCE = "2024 target table of the programme (网络舆情监测服务)"


def _seen(rows: QuerySet, scope: Scope, act: str, area: str) -> QuerySet:
    if scope.user is not None:
        rows = access.visible(scope.user, act, rows)
    return rows.filter(**{f"{area}__startswith": scope.area}) if scope.area else rows


def _hours(period: Period, scope: Scope) -> QuerySet[SourceHour]:
    rows = SourceHour.objects.filter(readings__gt=0, source__is_demo=False, **period.holds("hour"))
    return _seen(rows, scope, "opinion.source.view", "source__region")


@measure(
    "opinion.service_days", label=_("Days of service"), unit="天",
    definition=_("Days on which at least one source was proved alive: it answered a reading or delivered."),
    source=_SOURCE, system="opinion", keywords=("系统服务时间", "服务时间", "舆情监测服务", "监测天数", "服务期限"),
    better="higher", cumulative=True, evidence_act="opinion.source.view",
)  # fmt: skip
def service_days(period: Period, scope: Scope) -> Measured:
    rows = _hours(period, scope)
    days = rows.annotate(day=TruncDate("hour")).values("day").distinct().count()
    return Measured(Decimal(days) if days else None, rows, days, period.days)


@measure(
    "opinion.service_years", label=_("Service time as a share of the period"), unit="%",
    definition=_("Days of service ÷ days of the period so far."),
    source=_SOURCE, system="opinion", keywords=("系统服务时间", "全年监测", "实时监测"), better="higher",
    evidence_act="opinion.source.view",
)  # fmt: skip
def service_share(period: Period, scope: Scope) -> Measured:
    days = service_days(period, scope)
    return Measured.ratio(int(days.numerator or 0), period.days if days.value is not None else 0, days.evidence)


@measure(
    "opinion.source_hours", label=_("Source-hours alive"), unit="小时",
    definition=_("Hours in which a source was proved alive, summed over the sources."),
    source="local rule", system="opinion", keywords=("监测源", "信源", "全面监测"), better="higher", cumulative=True,
    evidence_act="opinion.source.view",
)  # fmt: skip
def source_hours(period: Period, scope: Scope) -> Measured:
    rows = _hours(period, scope)
    count = rows.count()
    return Measured(Decimal(count) if count else None, rows)


@measure(
    "opinion.items", label=_("Items stored"), unit="条",
    definition=_("Items of real sources collected in the period, of one kind of channel or of all nine."),
    source=_SOURCE, system="opinion",
    keywords=("舆情信息数量", "新闻", "论坛", "贴吧", "博客", "微博", "微信", "新闻APP", "视频", "监测数量"),
    better="higher", cumulative=True, evidence_act="opinion.item.view",
    options={"channel": {"": _("all nine kinds"), **dict(Channel.choices)}},
)  # fmt: skip
def items(period: Period, scope: Scope) -> Measured:
    rows = Item.objects.filter(source__is_demo=False, **period.holds("collected_at"))
    rows = _seen(rows, scope, "opinion.item.view", "area_code")
    if scope.option("channel"):
        rows = rows.filter(channel=scope.option("channel"))
    return Measured.count(rows, ever=Item.objects.filter(source__is_demo=False).exists())


@measure(
    "opinion.channels", label=_("Kinds of channel listened to"), unit="类",
    definition=_("How many of the nine kinds of channel brought at least one item in the period."),
    source=_SOURCE, system="opinion", keywords=("渠道类型", "监测渠道", "全面"), better="higher",
    evidence_act="opinion.item.view",
)  # fmt: skip
def channels(period: Period, scope: Scope) -> Measured:
    rows = items(period, scope).evidence
    count = rows.order_by().values("channel").distinct().count()
    return Measured(Decimal(count) if count else None, rows, count, len(Channel.values))


def _alerts(period: Period, scope: Scope) -> QuerySet[Alert]:
    rows = Alert.objects.filter(item__source__is_demo=False, **period.holds("raised_at"))
    return _seen(rows, scope, "opinion.alert.view", "area_code")


def _delays(rows: QuerySet[Alert]) -> list[int]:
    """Seconds from publication to alert; from collection where publication is unknown."""
    pairs = rows.values_list("from_publication", "from_collection")
    return [collected if published is None else published for published, collected in pairs]


@measure(
    "opinion.alert_within_hour", label=_("Alerts within one hour"), unit="%",
    definition=_(
        "Alerts raised within 3,600 seconds of publication ÷ all alerts; where the time of publication is unknown, of"
        " collection."
    ),
    source=_SOURCE, system="opinion", keywords=("预警及时率", "系统预警时效", "舆情信息预警时效", "预警时效"),
    better="higher", evidence_act="opinion.alert.view",
)  # fmt: skip
def alert_within_hour(period: Period, scope: Scope) -> Measured:
    rows = _alerts(period, scope)
    values = _delays(rows)
    return Measured.ratio(sum(value <= 3600 for value in values), len(values), rows)


def _percentile(period: Period, scope: Scope, share: float) -> Measured:
    rows = _alerts(period, scope)
    value = percentile(_delays(rows), share)
    return Measured(None if value is None else (Decimal(value) / 3600).quantize(Decimal("0.0001")), rows)


@measure(
    "opinion.alert_delay_p95", label=_("Alert delay, 95th percentile"), unit="小时",
    definition=_("95 of 100 alerts were raised within this many hours of publication (of collection where unknown)."),
    source=_SOURCE, system="opinion", keywords=("系统预警时效", "舆情信息预警时效", "预警时效", "预警时间"),
    better="lower", evidence_act="opinion.alert.view",
)  # fmt: skip
def alert_delay_p95(period: Period, scope: Scope) -> Measured:
    return _percentile(period, scope, 0.95)


@measure(
    "opinion.alert_delay_median", label=_("Alert delay, median"), unit="小时",
    definition=_("Half of the alerts were raised within this many hours of publication (of collection where unknown)."),
    source="local rule", system="opinion", keywords=("预警时效",), better="lower", evidence_act="opinion.alert.view",
)  # fmt: skip
def alert_delay_median(period: Period, scope: Scope) -> Measured:
    return _percentile(period, scope, 0.5)


@measure(
    "opinion.push_delay", label=_("Collection to push, median"), unit="分钟",
    definition=_("Median minutes from collecting an item to telling its alert to people."),
    source=_SOURCE, system="opinion", keywords=("舆情信息数据推送", "数据推送", "第一时间"), better="lower",
    evidence_act="opinion.alert.view",
)  # fmt: skip
def push_delay(period: Period, scope: Scope) -> Measured:
    rows = _alerts(period, scope).filter(told_at__isnull=False)
    value = percentile(
        [(told - kept).total_seconds() for told, kept in rows.values_list("told_at", "collected_at") if told and kept],
        0.5,
    )
    return Measured(None if value is None else (Decimal(str(value)) / 60).quantize(Decimal("0.01")), rows)


@measure(
    "opinion.false_story_push", label=_("False story: first item to push, median"), unit="分钟",
    definition=_("Median minutes from collecting the first item of a suspected false story to pushing the suspicion."),
    source=_SOURCE, system="opinion", keywords=("虚假舆情", "监测互联网上针对城市管理委的虚假舆情", "第一时间推送"),
    better="lower", evidence_act="opinion.claim.view",
)  # fmt: skip
def false_story_push(period: Period, scope: Scope) -> Measured:
    rows = Claim.objects.filter(Q(pushed_at__isnull=False), item__source__is_demo=False, **period.holds("found_at"))
    rows = _seen(rows, scope, "opinion.claim.view", "area_code")
    waits = rows.annotate(begun=F("item__collected_at")).values_list("begun", "pushed_at")
    value = percentile([max(0.0, (pushed - begun).total_seconds()) for begun, pushed in waits], 0.5)
    return Measured(None if value is None else (Decimal(str(value)) / 60).quantize(Decimal("0.01")), rows)

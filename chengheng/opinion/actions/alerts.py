"""When items become alerts, how those are told, and how people answer them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common import flow, notices, trail
from chengheng.common.people import access
from chengheng.common.people.access import SYSTEM
from chengheng.opinion import queries
from chengheng.opinion.analyser.kernel import Reading
from chengheng.opinion.models import Alert, Event, Item, Level, Rule, Source
from chengheng.opinion.rules import Conditions, Seen, delay_seconds, holds, is_quiet

if TYPE_CHECKING:
    from chengheng.opinion.reader import Reader

FINAL = ("closed", "dismissed")
BURST_AGAIN = timedelta(hours=3)


def conditions_of(rule: Rule) -> Conditions:
    """A rule's conditions as the pure check wants them."""
    return Conditions(
        tuple(rule.channels), tuple(rule.tiers), tuple(rule.areas), tuple(rule.topics), rule.negative,
        rule.least_relevance, rule.least_doubt, rule.least_reach, rule.burst, rule.doubted,
    )  # fmt: skip


def seen_of(item: Item, tier: int, topics: Sequence[str], burst: bool) -> Seen:
    """An item as a rule may look at it."""
    return Seen(
        item.channel, tier, item.area_code, topics, item.sentiment, item.relevance, item.doubt, item.doubted,
        item.reach, burst,
    )  # fmt: skip


def raise_by_rules(
    items: Sequence[Item], readings: Sequence[Reading], room: Reader, sources: dict[int, Source], now: datetime
) -> list[Alert]:
    """Alerts of a batch just stored: words first, then conditions. Repeats of a debunked claim alert at once."""
    from chengheng.opinion.actions.claims import suspect_by_rule, tell_repeat

    asked: dict[int, Conditions] = {}
    raised = []
    for item, reading in zip(items, readings, strict=True):
        if item.debunked_id:
            tell_repeat(item)
        topics = [code for code, _name in reading.topics]
        burst = bool(item.event and item.event.burst_at and now - item.event.burst_at < BURST_AGAIN)
        seen: Seen | None = None
        worded = [room.rules[rule] for rule, _spans in reading.rules if rule < len(room.rules)]
        for rule in (*worded, *room.wordless):
            conditions = asked.get(rule.pk) or asked.setdefault(rule.pk, conditions_of(rule))
            if not conditions.empty:
                seen = seen or seen_of(item, sources[item.source_id].tier, topics, burst)
                if not holds(conditions, seen):
                    continue
            alert = _raise(rule, item, now, told=not item.debunked_id)
            raised.append(alert)
            if rule.opens_claim and not item.debunked_id:
                suspect_by_rule(item, now)
    return raised


def raise_again(item: Item, room: Reader, now: datetime) -> None:
    """Comments changed an item's risk: rules that ask for risk or doubt are asked again."""
    from chengheng.opinion.actions.claims import suspect_by_rule

    for rule in (*room.rules, *room.wordless):
        asks = rule.least_doubt > 0 or rule.doubted
        if not asks or (rule.notation and rule.pk not in item.rules):
            continue
        if Alert.objects.filter(rule=rule, item=item).exists():
            continue
        if holds(conditions_of(rule), seen_of(item, item.source.tier, [item.topic_code], burst=False)):
            _raise(rule, item, now, told=True)
            if rule.opens_claim:
                suspect_by_rule(item, now)


def _same_story(rule: Rule, item: Item) -> Alert | None:
    """The open alert of this rule that already tells this story."""
    alerts = Alert.objects.filter(rule=rule).exclude(state__in=FINAL)
    if item.original:
        found = alerts.filter(item_id=item.original).first()
        if found is not None:
            return found
    if rule.merge and item.event_id:
        return alerts.filter(event_id=item.event_id).order_by("raised_at").first()
    return None


def _raise(rule: Rule, item: Item, now: datetime, *, told: bool) -> Alert:
    with transaction.atomic():
        same = _same_story(rule, item)
        if same is not None:
            Alert.objects.filter(pk=same.pk).update(items=same.items + 1)
            same.items += 1
            return same
        alert = Alert(
            rule=rule, item=item, event=item.event, title=(item.title or item.body[:60])[:300], level=rule.level,
            area_code=item.area_code, channel=item.channel, published_at=item.published_at,
            collected_at=item.collected_at, raised_at=now,
            from_publication=delay_seconds(item.published_at, now),
            from_collection=delay_seconds(item.collected_at, now) or 0,
            held_until=_held_until(rule, now) if told else now,
        )  # fmt: skip
        limit = queries.limit_of("notice")
        flow.begin(alert, SYSTEM, limits={"acknowledge": limit} if limit else {}, now=now)
        trail.record("opinion.alert.raise", SYSTEM, alert, {"rule": rule.pk, "item": item.pk}, new=True)
        if alert.held_until is None:
            _tell(alert, now)
        return alert


def _held_until(rule: Rule, now: datetime) -> datetime | None:
    """Until when this alert is only shown, not sent: quiet hours (unless urgent breaks them), then the cool-down."""
    breaks = rule.override_quiet and rule.level == Level.URGENT
    local = timezone.localtime(now)
    until: datetime | None = None
    if not breaks and is_quiet(local.time(), rule.quiet_start, rule.quiet_stop):
        assert rule.quiet_stop is not None
        until = local.replace(
            hour=rule.quiet_stop.hour, minute=rule.quiet_stop.minute, second=rule.quiet_stop.second, microsecond=0
        )
        if until <= local:
            until += timedelta(days=1)
    if rule.cool_down_minutes:
        last = Alert.objects.filter(rule=rule, told_at__isnull=False).order_by("-told_at").first()
        if last is not None and last.told_at is not None:
            cool = last.told_at + timedelta(minutes=rule.cool_down_minutes)
            if cool > now:
                until = max(until or cool, cool)
    return until


def _tell(alert: Alert, now: datetime) -> None:
    Alert.objects.filter(pk=alert.pk).update(told_at=now, held_until=None)
    alert.told_at, alert.held_until = now, None
    notices.tell(
        queries.told_of_alerts(), _("Opinion alert: %(title)s"),
        _("%(rule)s · %(source)s · %(minutes)s min after publication"),
        params={
            "title": alert.title, "rule": alert.rule.name, "source": alert.item.source.name,
            "minutes": "—" if alert.from_publication is None else alert.from_publication // 60,
        },
        subject=alert, level=alert.level,
    )  # fmt: skip


@transaction.atomic
def tell_held(now: datetime) -> int:
    """Send what quiet hours and cool-downs held back and is due; several of one rule go as one notice."""
    due: dict[int, list[Alert]] = {}
    held = Alert.objects.filter(told_at=None, held_until__lte=now).exclude(state__in=FINAL)
    for alert in held.select_for_update(skip_locked=True, of=("self",)).select_related("rule", "item__source"):
        due.setdefault(alert.rule_id, []).append(alert)
    for alerts in due.values():
        if len(alerts) == 1:
            _tell(alerts[0], now)
            continue
        Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(told_at=now, held_until=None)
        notices.tell(
            queries.told_of_alerts(), _("%(count)s opinion alerts of “%(rule)s”"),
            "\n".join(alert.title for alert in alerts[:10]),
            params={"count": len(alerts), "rule": alerts[0].rule.name}, subject=alerts[0], level=alerts[0].level,
        )  # fmt: skip
    return sum(map(len, due.values()))


@transaction.atomic
def raise_by_hand(actor: Any, item: Item, rule: Rule, note: str = "") -> Alert:
    """A clerk makes an alert of an item that no rule caught."""
    access.require(actor, "opinion.alert.raise", item)
    alert = _raise(rule, item, timezone.now(), told=True)
    trail.record("opinion.alert.raise", actor, alert, {"by_hand": True}, note)
    return alert


@transaction.atomic
def raise_bursts(now: datetime) -> list[Event]:
    """Look for bursts among the events of the last hour; open alerts of a bursting event go one level up."""
    recent = list(Event.objects.filter(last_at__gte=now - timedelta(hours=1)).order_by("-items")[:2000])
    fresh = [event for event in recent if event.burst_at is None or now - event.burst_at >= BURST_AGAIN]
    found = []
    for event, burst in queries.bursting(fresh, now):
        Event.objects.filter(pk=event.pk).update(burst_at=now, burst_tail=burst.tail, changed_at=event.changed_at)
        event.burst_at = now
        found.append(event)
        alerts = Alert.objects.filter(event=event).exclude(state__in=FINAL).exclude(level=Level.URGENT)
        for alert in alerts.select_related("rule", "item__source").select_for_update(of=("self",)):
            alert.level = Level.WARNING if alert.level == Level.INFO else Level.URGENT
            alert.save(update_fields=["level"])
            trail.record("opinion.alert.escalate", SYSTEM, alert, {"burst": burst.count, "base": round(burst.base, 2)})
            notices.tell(
                queries.told_of_alerts(), _("Spreading fast: %(title)s"),
                _("%(count)s items in the last hour, %(base)s are usual."),
                params={"title": alert.title, "count": burst.count, "base": round(burst.base, 1)},
                subject=alert, level=alert.level,
            )  # fmt: skip
    return found


def take_alert_step(alert: Alert, step: str, actor: Any, **more: Any) -> Alert:
    """Acknowledge, escalate, assign, close or dismiss: a plain step of the flow."""
    if step == "assign":
        data = more.get("data", {})
        limit = queries.limit_of(str(data.get("matter") or "reply"))
        return flow.take(alert, step, actor, limits={"answer": limit} if limit else {}, **more)
    if step == "escalate":
        with transaction.atomic():
            found = flow.take(alert, step, actor, fields={"level": Level.URGENT}, **more)
            notices.tell(
                queries.told_of_alerts(), _("Escalated: %(title)s"), str(more.get("note", "")),
                params={"title": found.title}, subject=found, level="urgent",
            )  # fmt: skip
            return found
    return flow.take(alert, step, actor, **more)


def answer_alert(alert: Alert, actor: Any, note: str = "", data: Any = None, **more: Any) -> Alert:
    """The answer that was given outside, in words."""
    return flow.take(alert, "answer", actor, note=note, data=data or {}, fields={"conclusion": note}, **more)
